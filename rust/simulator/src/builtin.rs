//! The scenarios that come with the library: the files of `tests/scenarios`.

/// A scenario that comes with the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name, and its file's.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

macro_rules! built_in {
    ($($name:literal)*) => {
        &[$(BuiltIn {
            name: $name,
            text: include_str!(concat!("../../../tests/scenarios/", $name, ".json")),
        }),*]
    };
}

impl BuiltIn {
    /// All of them, by name.
    pub const ALL: &'static [BuiltIn] = built_in![
        "async-destroy"
        "balloon"
        "boot-storm"
        "builder-claims"
        "claim-too-late"
        "dying"
        "fragmentation"
        "host-full"
        "host-full-32"
        "host-full-544"
        "host-full-pool"
        "migration-estimate"
        "migration-total"
        "mixed-claims"
        "parallel-boot"
        "reboot-storm"
        "reboot-storm-busy"
        "refill"
        "window"
        "window-wrap"
    ];

    /// The one of that name.
    pub fn by_name(name: &str) -> Option<BuiltIn> {
        (BuiltIn::ALL.iter().copied()).find(|built_in| built_in.name == name)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Scenario;

    #[test]
    fn every_file_is_built_in_and_reads() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
        let mut files: Vec<String> = (std::fs::read_dir(directory).expect("a directory"))
            .map(|entry| entry.expect("an entry").file_name())
            .filter_map(|name| Some(name.to_str()?.strip_suffix(".json")?.to_string()))
            .collect();
        files.sort();
        let names: Vec<_> = BuiltIn::ALL.iter().map(|built_in| built_in.name).collect();
        assert_eq!(names, files, "BuiltIn::ALL lists what tests/scenarios has");
        for built_in in BuiltIn::ALL {
            let scenario = Scenario::from_json(built_in.text)
                .unwrap_or_else(|error| panic!("{}: {error}", built_in.name));
            assert_eq!(scenario.name, built_in.name);
            assert!(!scenario.about.is_empty(), "{}", built_in.name);
        }
    }
}
