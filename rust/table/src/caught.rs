//! No panic crosses a C boundary, this table's or another: it becomes a value.

use std::panic::{catch_unwind, AssertUnwindSafe};

/// Runs `body`; a panic in it is an error, what it said.
///
/// What `body` left half done is known to the locks and values that it worked on.
pub fn caught<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|panic| {
        (panic.downcast_ref::<&str>().map(|text| text.to_string()))
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::panic_any;

    #[test]
    fn a_panic_is_an_error_that_says_what_it_said() {
        assert_eq!(caught(|| 7), Ok(7));
        assert_eq!(
            caught(|| panic!("plain")),
            Err::<(), _>("plain".to_string())
        );
        let page = 12;
        assert_eq!(
            caught(|| panic!("page {page}")),
            Err::<(), _>("page 12".to_string())
        );
        let message = caught(|| panic_any(page)).map(|(): ()| ());
        assert_eq!(message, Err("a panic without a message".to_string()));
    }
}
