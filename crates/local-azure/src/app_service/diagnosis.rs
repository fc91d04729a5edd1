//! Explains why a startup command fails, from the files of the app.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitStatus;

use crate::process::on_path;

/// Shells, and words that come before the name of the file that a command runs.
const PREFIXES: [&str; 6] = ["exec", "sh", "bash", "/bin/sh", "/bin/bash", "source"];
/// The exit code of a shell that found a file and could not execute it.
const NOT_EXECUTABLE: i32 = 126;
/// How programs for Linux begin.
const ELF: &[u8] = b"\x7fELF";
/// How programs for macOS begin.
const MACH_O: [[u8; 4]; 5] = [
    [0xfe, 0xed, 0xfa, 0xce],
    [0xfe, 0xed, 0xfa, 0xcf],
    [0xce, 0xfa, 0xed, 0xfe],
    [0xcf, 0xfa, 0xed, 0xfe],
    [0xca, 0xfe, 0xba, 0xbe],
];
/// How much of a file is read.
const LIMIT: u64 = 64 << 10;

/// What is wrong with the file that the command runs, and what to do. `None` if nothing is known.
pub(super) fn explain(command: &str, folder: &Path, status: ExitStatus) -> Option<String> {
    // The command that is found for Python begins with a quoted variable.
    let is_gunicorn = command.split_whitespace().any(|word| word == "gunicorn");
    if is_gunicorn && !folder.join("antenv/bin/gunicorn").exists() && on_path("gunicorn").is_none() {
        let text = "There is no gunicorn. On App Service it is a part of the image; here, a build installs it: set the app \
                    setting SCM_DO_BUILD_DURING_DEPLOYMENT=true, and deploy again.";
        return Some(text.to_owned());
    }
    let mut words = command.split_whitespace();
    let word = words.find(|word| !PREFIXES.contains(word) && !word.contains('=') && !word.starts_with('-'))?;
    let name = word.trim_matches(['"', '\'']);
    let name = name.strip_prefix("/home/site/wwwroot/").unwrap_or(name);
    let name = name.strip_prefix("./").unwrap_or(name);
    // Other commands are programs on PATH.
    if name.is_empty() || name.starts_with('/') || !(word.contains('/') || name.contains('.')) {
        return None;
    }
    let file = folder.join(name);
    if file.is_file() {
        let by_shell = command.split_whitespace().take_while(|one| *one != word);
        let is_run_directly = !by_shell.clone().any(|one| one != "exec" && PREFIXES.contains(&one));
        return fault_of(&file, name, is_run_directly)
            .or_else(|| fault_in_script(&file, name, folder, status.code() == Some(NOT_EXECUTABLE)));
    }
    Some(match subfolder_with(folder, name) {
        Some(subfolder) => format!(
            "{name} is in the package's folder {subfolder}, and must be at its top: pack what is in the folder, not the \
             folder itself."
        ),
        None => format!("The package has no {name}, which the startup command runs."),
    })
}

/// Why a file that is in the package cannot be run.
fn fault_of(file: &Path, name: &str, is_run_directly: bool) -> Option<String> {
    let start = start_of(file);
    let is_binary = start.contains(&0);
    if !is_binary && (is_windows_script(&start) || start.windows(2).any(|two| two == b"\r\n")) {
        return Some(windows_line_ends(name));
    }
    if !is_run_directly {
        return None;
    }
    if let Some(fault) = fault_of_program(&start, name) {
        return Some(fault);
    }
    if !is_executable(file) {
        let remedy = if is_binary {
            "Run chmod +x on it before you pack it, on Linux or macOS.".to_owned()
        } else {
            format!("Set the startup command to: exec sh ./{name}")
        };
        return Some(lacks_permission(name, &remedy));
    }
    (is_binary && !start.starts_with(ELF)).then(|| format!("{name} is not a program that Linux can run."))
}

/// Why a file that a script names cannot be run.
fn fault_in_script(script: &Path, name: &str, folder: &Path, was_not_executable: bool) -> Option<String> {
    let text = start_of(script);
    let text = String::from_utf8_lossy(&text);
    let words = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| line.split(|c: char| c.is_whitespace() || "\"'=;()&|<>`".contains(c)));
    let names = words.map(|word| word.strip_prefix("./").unwrap_or(word));
    names
        .filter(|word| !word.is_empty() && !word.starts_with('/') && *word != name)
        .find_map(|word| {
            let file = folder.join(word);
            if !file.is_file() {
                return None;
            }
            let start = start_of(&file);
            if is_windows_script(&start) {
                return Some(windows_line_ends(word));
            }
            let is_program = start.starts_with(ELF) || start.starts_with(b"#!");
            let lacks = was_not_executable && is_program && !is_executable(&file);
            fault_of_program(&start, word).or_else(|| {
                lacks.then(|| lacks_permission(word, &format!("In {name}, run chmod +x {word} before it.")))
            })
        })
}

/// Why this processor cannot run a program.
fn fault_of_program(start: &[u8], name: &str) -> Option<String> {
    const ARCH: &str = std::env::consts::ARCH;
    let platform = if start.starts_with(ELF) {
        elf_platform(start)?
    } else if start.starts_with(b"MZ") {
        "Windows".to_owned()
    } else if MACH_O.iter().any(|magic| start.starts_with(magic)) {
        "macOS".to_owned()
    } else {
        return None;
    };
    Some(format!(
        "{name} is a program for {platform}, not for this processor. Build it for Linux on {ARCH}."
    ))
}

/// The processor of a program for Linux, if it is not this one.
/// <https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>
fn elf_platform(start: &[u8]) -> Option<String> {
    const X86: u16 = 3;
    let (Some(order), Some(&[first, second])) = (start.get(5), start.get(18..20)) else {
        return Some("Linux, but it is cut off".to_owned());
    };
    let machine = if *order == 2 {
        u16::from_be_bytes([first, second])
    } else {
        u16::from_le_bytes([first, second])
    };
    let name = match machine {
        X86 => "x86",
        21 => "powerpc64",
        22 => "s390x",
        40 => "arm",
        62 => "x86_64",
        183 => "aarch64",
        243 => "riscv64",
        258 => "loongarch64",
        _ => return Some(format!("Linux on a processor with the number {machine}")),
    };
    // x86_64 runs programs for x86 too.
    let runs = name == std::env::consts::ARCH || machine == X86 && cfg!(target_arch = "x86_64");
    (!runs).then(|| format!("Linux on {name}"))
}

fn windows_line_ends(name: &str) -> String {
    format!(
        "The lines of {name} end with CRLF, as on Windows, so Linux looks for a program whose name ends with a \
         carriage return. Save it with LF line ends."
    )
}

fn lacks_permission(name: &str, remedy: &str) -> String {
    format!("{name} has no execute permission, which a zip made on Windows does not keep. {remedy}")
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

/// Whether the line that names the script's interpreter ends with CRLF.
fn is_windows_script(start: &[u8]) -> bool {
    let first = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    first.starts_with(b"#!") && first.ends_with(b"\r")
}

/// The start of a file, or nothing if it cannot be read.
fn start_of(file: &Path) -> Vec<u8> {
    let mut start = Vec::new();
    let read = File::open(file).and_then(|file| file.take(LIMIT).read_to_end(&mut start));
    if read.is_ok() { start } else { Vec::new() }
}

/// The name of a folder that contains the file, one or two levels below.
fn subfolder_with(folder: &Path, name: &str) -> Option<String> {
    let below = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut folders: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        folders.sort();
        folders
    };
    let first = below(folder);
    let second = first.iter().flat_map(|folder| below(folder));
    let mut all = first.iter().cloned().chain(second);
    let found = all.find(|path| path.join(name).is_file())?;
    Some(found.strip_prefix(folder).ok()?.display().to_string())
}

#[cfg(test)]
mod tests;
