//! `xenopsd_numa_hypervisor.h` and the Rust structures have the same layout and the same numbers.

use std::io::Write;
use std::mem::offset_of;
use std::path::Path;
use std::process::{Command, Stdio};

use claims::Call;
use xenopsd_numa_table::*;

macro_rules! layout {
    ($lines:ident, $program:ident, $rust:ident = $c:literal { $($member:ident),+ }) => {
        $lines.push(format!("{} {} {}", $c, size_of::<$rust>(), align_of::<$rust>()));
        $program.push_str(&format!(
            "printf(\"{0} %zu %zu\\n\", sizeof(struct {0}), _Alignof(struct {0}));\n",
            $c
        ));
        let mut members = 0;
        $(
            let name = stringify!($member);
            let size = member_size(|s: &$rust| size_of_val(&s.$member));
            $lines.push(format!("{}.{name} {} {size}", $c, offset_of!($rust, $member)));
            $program.push_str(&format!(
                "printf(\"{0}.{name} %zu %zu\\n\", offsetof(struct {0}, {name}), \
                 sizeof(((struct {0} *)0)->{name}));\n",
                $c
            ));
            members += size;
        )+
        assert_eq!(members, size_of::<$rust>(), "{}: a member or padding is missing", $c);
    };
}

fn member_size<S>(size: impl Fn(&S) -> usize) -> usize {
    let place = std::mem::MaybeUninit::<S>::zeroed();
    // SAFETY: all members are integers, pointers and optional functions, for which zero will do.
    size(unsafe { place.assume_init_ref() })
}

/// Each line as the C compiler sees it and as the Rust compiler does.
fn both() -> (Vec<String>, Vec<String>) {
    let mut lines = Vec::new();
    let mut program = String::from(
        "#include <stddef.h>\n#include <stdio.h>\n#include \"xenopsd_numa_hypervisor.h\"\n\
         int main(void) {\n",
    );
    layout!(lines, program, XenopsdNumaCpu = "xenopsd_numa_cpu" { node, core, socket });
    layout!(lines, program, XenopsdNumaNode = "xenopsd_numa_node" {
        size_pages, free_pages, claimed_pages, online, reserved
    });
    layout!(lines, program, XenopsdNumaHost = "xenopsd_numa_host" {
        free_pages, outstanding_pages
    });
    layout!(lines, program, XenopsdNumaDomain = "xenopsd_numa_domain" {
        tot_pages, outstanding_pages, max_pages, domid, dying
    });
    layout!(lines, program, XenopsdNumaNodePages = "xenopsd_numa_node_pages" {
        pages, node, reserved
    });
    let size = size_of::<XenopsdNumaHypervisor>();
    lines.push(format!("table {size}"));
    program.push_str("printf(\"table %zu\\n\", sizeof(struct xenopsd_numa_hypervisor));\n");
    for (name, offset) in XenopsdNumaHypervisor::MEMBERS {
        lines.push(format!("{name} {offset}"));
        program.push_str(&format!(
            "printf(\"{name} %zu\\n\", offsetof(struct xenopsd_numa_hypervisor, {name}));\n"
        ));
    }
    for (name, number) in [
        ("XENOPSD_NUMA_ABI_VERSION", u64::from(ABI_VERSION)),
        ("XENOPSD_NUMA_NONE", u64::from(NONE)),
        ("XENOPSD_NUMA_AUTOMATIC", AUTOMATIC),
        ("XENOPSD_NUMA_AFFINITY_SOFT", u64::from(AFFINITY_SOFT)),
        ("XENOPSD_NUMA_AFFINITY_HARD", u64::from(AFFINITY_HARD)),
        ("XENOPSD_NUMA_AT_ALLOCATION", AT_ALLOCATION),
        ("XENOPSD_NUMA_NODE_CLAIMS_BIND_ALL", NODE_CLAIMS_BIND_ALL),
    ] {
        lines.push(format!("{name} {number}"));
        program.push_str(&format!(
            "printf(\"{name} %llu\\n\", (unsigned long long){name});\n"
        ));
    }
    program.push_str("return 0; }\n");
    (compile_and_run(&program), lines)
}

fn compile_and_run(program: &str) -> Vec<String> {
    let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ocaml");
    let executable = Path::new(env!("CARGO_TARGET_TMPDIR")).join("header");
    let mut cc = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-x", "c", "-I"])
        .arg(header)
        .arg("-o")
        .arg(&executable)
        .arg("-")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    cc.stdin
        .take()
        .unwrap()
        .write_all(program.as_bytes())
        .unwrap();
    assert!(cc.wait().unwrap().success());
    let output = Command::new(executable).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_string).collect()
}

#[test]
fn header_and_rust_agree() {
    let (c, rust) = both();
    assert_eq!(c, rust);
}

/// A function for each call of the protocol, and one for each kind of claim.
#[test]
fn every_call_has_its_functions() {
    let members = XenopsdNumaHypervisor::MEMBERS.iter();
    let mut functions: Vec<&str> = members.map(|(name, _)| *name).skip(3).collect();
    let named = |method: &'static str| match method {
        "claim" => vec!["claim_host", "claim_node", "claim_set"],
        other => vec![other],
    };
    let mut expected: Vec<&str> = Call::METHODS.iter().copied().flat_map(named).collect();
    let beside = ["capabilities", "now", "sleep"];
    expected.extend(beside);
    functions.sort_unstable();
    expected.sort_unstable();
    assert_eq!(functions, expected);
    assert_eq!(Call::NAMES.len() + beside.len(), functions.len());
}
