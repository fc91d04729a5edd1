//! Explains why a startup command fails, from the files of the app.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use crate::process::on_path;

/// Shells, and words that come before the name of the file that a command runs.
const PREFIXES: [&str; 6] = ["exec", "sh", "bash", "/bin/sh", "/bin/bash", "source"];
/// How much of a file is read.
const LIMIT: u64 = 64 << 10;

/// What is wrong with the file that the command runs, and what to do. `None` if nothing is known.
pub(super) fn explain(command: &str, folder: &Path) -> Option<String> {
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
        return has_windows_line_ends(&file).then(|| {
            format!(
                "The lines of {name} end with CRLF, as on Windows, so Linux looks for a program whose name ends with a \
                 carriage return. Save it with LF line ends."
            )
        });
    }
    Some(match subfolder_with(folder, name) {
        Some(subfolder) => format!(
            "{name} is in the package's folder {subfolder}, and must be at its top: pack what is in the folder, not the \
             folder itself."
        ),
        None => format!("The package has no {name}, which the startup command runs."),
    })
}

fn has_windows_line_ends(file: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(file).and_then(|file| file.take(LIMIT).read_to_end(&mut start));
    let first = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    read.is_ok() && first.starts_with(b"#!") && first.ends_with(b"\r")
        || read.is_ok() && !start.contains(&0) && start.windows(2).any(|two| two == b"\r\n")
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
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write("windows.sh", "#!/bin/sh\r\necho\r\n");
        write("late.sh", "#!/bin/sh\necho\r\n");
        write("good.sh", "#!/bin/sh\necho\n");
        write("program.bin", "\0\r\n");
        write("site/start.sh", "");
        write("a/b/deep.sh", "");
        for (command, expected) in [
            ("windows.sh", Some("CRLF")),
            ("exec ./windows.sh", Some("CRLF")),
            ("bash /home/site/wwwroot/windows.sh --all", Some("CRLF")),
            ("late.sh", Some("CRLF")),
            ("start.sh", Some("folder site,")),
            ("PORT=1 exec './start.sh'", Some("folder site,")),
            ("deep.sh", Some("folder a/b,")),
            ("./other", Some("has no other")),
            ("good.sh", None),
            ("./program.bin", None),
            ("npm start", None),
            ("PORT=1 exec \"./program.bin\"", None),
            ("/usr/bin/other", None),
            ("", None),
        ] {
            let found = explain(command, folder.path());
            match expected {
                Some(expected) => assert!(
                    found.as_ref().is_some_and(|text| text.contains(expected)),
                    "{command}: {found:?}"
                ),
                None => assert_eq!(found, None, "{command}"),
            }
        }
    }
}
