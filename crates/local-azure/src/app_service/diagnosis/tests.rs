use std::os::unix::process::ExitStatusExt as _;

use tempfile::TempDir;

use super::*;

/// A package with these files, each with its content and its mode.
fn package(files: &[(&str, &[u8], u32)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content, mode) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(*mode)).unwrap();
    }
    folder
}

fn explained(command: &str, folder: &TempDir, code: i32) -> Option<String> {
    explain(command, folder.path(), ExitStatus::from_raw(code << 8))
}

fn assert_explained(command: &str, folder: &TempDir, code: i32, expected: Option<&str>) {
    let found = explained(command, folder, code);
    match expected {
        Some(expected) => assert!(
            found.as_ref().is_some_and(|text| text.contains(expected)),
            "{command}: {found:?}"
        ),
        None => assert_eq!(found, None, "{command}"),
    }
}

/// The header of a program for Linux.
fn elf(machine: u16, is_big_endian: bool) -> Vec<u8> {
    let mut header = vec![0; 64];
    header[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1 + u8::from(is_big_endian)]);
    let machine = if is_big_endian {
        machine.to_be_bytes()
    } else {
        machine.to_le_bytes()
    };
    header[18..20].copy_from_slice(&machine);
    header
}

/// The header of this program.
fn own() -> Vec<u8> {
    start_of(&std::env::current_exe().unwrap())
}

#[test]
fn the_cause_is_named() {
    let folder = package(&[
        ("windows.sh", b"#!/bin/sh\r\necho\r\n", 0o755),
        ("late.sh", b"#!/bin/sh\necho\r\n", 0o755),
        ("good.sh", b"#!/bin/sh\necho\n", 0o755),
        ("plain.sh", b"#!/bin/sh\necho\n", 0o644),
        ("noise.bin", b"\0\r\n", 0o755),
        ("site/start.sh", b"", 0o755),
        ("a/b/deep.sh", b"", 0o755),
    ]);
    for (command, expected) in [
        ("windows.sh", Some("CRLF")),
        ("exec ./windows.sh", Some("CRLF")),
        ("exec sh ./windows.sh", Some("CRLF")),
        ("bash /home/site/wwwroot/windows.sh --all", Some("CRLF")),
        ("late.sh", Some("CRLF")),
        ("start.sh", Some("folder site,")),
        ("PORT=1 exec './start.sh'", Some("folder site,")),
        ("exec sh ./start.sh", Some("folder site,")),
        ("deep.sh", Some("folder a/b,")),
        ("./other", Some("has no other")),
        ("exec sh ./other", Some("has no other")),
        ("good.sh", None),
        ("exec ./plain.sh", Some("startup command to: exec sh ./plain.sh")),
        ("PORT=1 ./plain.sh", Some("no execute permission")),
        ("exec sh ./plain.sh", None),
        ("bash plain.sh", None),
        ("./noise.bin", Some("not a program")),
        ("sh ./noise.bin", None),
        ("npm start", None),
        ("/usr/bin/other", None),
        ("", None),
    ] {
        assert_explained(command, &folder, 1, expected);
    }
}

/// Whether the startup command runs it or a script that the command runs, and whether or not it is executable.
#[test]
fn a_program_for_another_platform_is_named() {
    let machines = [
        (3, false),
        (21, true),
        (22, true),
        (40, false),
        (62, false),
        (183, false),
        (243, false),
        (999, false),
    ];
    let mut programs: Vec<_> = machines
        .into_iter()
        .map(|(machine, is_big_endian)| (elf(machine, is_big_endian), "for Linux on "))
        .collect();
    programs.extend(MACH_O.map(|magic| ([&magic[..], &[0; 60]].concat(), "for macOS")));
    programs.push((b"MZ\x90\0\x03\0".to_vec(), "for Windows"));
    programs.push((b"\x7fELF\x02\x01\0\0".to_vec(), "cut off"));
    let runs_here = |program: &[u8]| match std::env::consts::ARCH {
        "x86_64" => program == elf(3, false) || program == elf(62, false),
        "aarch64" => program == elf(183, false),
        _ => false,
    };
    for (program, expected) in &programs {
        let expected = (!runs_here(program)).then_some(*expected);
        for mode in [0o644, 0o755] {
            let scripts: [&[u8]; 3] = [
                b"#!/bin/sh\nexec ./hello\n",
                b"#!/bin/sh\nsite=./hello\nexec \"$site\" \"$@\"\n",
                b"cd \"$(dirname \"$0\")\" && exec 'bin/hello'\n",
            ];
            for script in scripts {
                let folder = package(&[
                    ("start.sh", script, 0o644),
                    ("hello", program, mode),
                    ("bin/hello", program, mode),
                ]);
                assert_explained("exec sh ./start.sh", &folder, 2, expected);
            }
            let folder = package(&[("hello", program, mode)]);
            let directly = expected.or((mode == 0o644).then_some("no execute permission"));
            assert_explained("exec ./hello", &folder, 2, directly);
        }
    }
}

#[test]
fn a_program_without_permission_is_named_if_the_shell_could_not_execute_it() {
    let own = own();
    let script = b"#!/bin/sh\n# ./other runs later\nexec ./hello\n";
    let folder = package(&[
        ("start.sh", script, 0o755),
        ("hello", &own, 0o644),
        ("other", &own, 0o644),
    ]);
    assert_explained("exec sh ./start.sh", &folder, 126, Some("run chmod +x hello"));
    assert_explained("exec ./start.sh", &folder, 126, Some("run chmod +x hello"));
    // The script may have made it executable, or have run a copy.
    assert_explained("exec sh ./start.sh", &folder, 1, None);
    let folder = package(&[("start.sh", script, 0o755), ("hello", &own, 0o755)]);
    assert_explained("exec sh ./start.sh", &folder, 126, None);
    assert_explained("exec ./hello", &folder, 1, None);
}

#[test]
fn a_script_that_a_script_runs_is_examined() {
    let script = b"#!/bin/sh\n. ./settings\nexec ./run.sh\n";
    let windows = b"#!/bin/sh\r\necho\r\n";
    let folder = package(&[
        ("start.sh", script, 0o755),
        ("run.sh", windows, 0o755),
        ("settings", b"A=1\r\n", 0o644),
    ]);
    assert_explained("exec sh ./start.sh", &folder, 127, Some("The lines of run.sh"));
}
