//! The runtimes of this machine, which stand for every version of their stack.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::process::on_path;
use crate::state::WebApp;

/// A runtime that apps may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runtime {
    Python,
    Node,
}

impl Runtime {
    /// The runtime that the app's `linuxFxVersion` names, such as `PYTHON|3.13`.
    pub(super) fn of(app: &WebApp) -> Option<Self> {
        let (stack, _) = app.runtime.split_once('|').unwrap_or((&app.runtime, ""));
        match stack.to_ascii_uppercase().as_str() {
            "PYTHON" => Some(Self::Python),
            "NODE" => Some(Self::Node),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::Node => "Node.js",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Python => "python3",
            Self::Node => "node",
        }
    }

    /// How to install it.
    fn remedy(self) -> &'static str {
        match self {
            Self::Python => "On Debian or Ubuntu: sudo apt-get install python3 python3-venv",
            Self::Node => "See https://nodejs.org/en/download",
        }
    }
}

/// One line about the runtime that the app asks for: which one of this machine stands for it, or how to install one.
/// `None` if the app asks for none.
pub(super) fn describe(app: &WebApp) -> Option<String> {
    let runtime = Runtime::of(app)?;
    let (wanted, name) = (app.runtime.replace('|', " "), runtime.name());
    Some(match version(runtime) {
        Some(version) => format!("{wanted}: this machine's {name} {version} stands for it."),
        None => format!(
            "{wanted}: {name} is not installed on this machine. {}",
            runtime.remedy()
        ),
    })
}

/// The version of this machine's runtime, which does not change while Local Azure runs.
fn version(runtime: Runtime) -> Option<String> {
    static PYTHON: OnceLock<Option<String>> = OnceLock::new();
    static NODE: OnceLock<Option<String>> = OnceLock::new();
    let known = match runtime {
        Runtime::Python => &PYTHON,
        Runtime::Node => &NODE,
    };
    known.get_or_init(|| ask(runtime)).clone()
}

fn ask(runtime: Runtime) -> Option<String> {
    let program = on_path(runtime.program())?;
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.trim().trim_start_matches("Python ").trim_start_matches('v');
    (output.status.success() && !version.is_empty()).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::settings::tests::app;
    use super::*;

    #[test]
    fn this_machines_runtime_stands_for_every_version() {
        let describe = |runtime: &str| {
            let mut app = app(&[]);
            runtime.clone_into(&mut app.runtime);
            describe(&app)
        };
        for (runtime, wanted, name) in [
            ("PYTHON|3.9", "PYTHON 3.9", "Python"),
            ("node|22-lts", "node 22-lts", "Node.js"),
        ] {
            let text = describe(runtime).unwrap();
            let is_there = text.starts_with(&format!("{wanted}: this machine's {name} "));
            let is_missing = text.starts_with(&format!("{wanted}: {name} is not installed on this machine. "));
            assert!(is_there || is_missing, "{text}");
        }
        assert_eq!(describe(""), None);
        assert_eq!(describe("DOTNETCORE|8.0"), None);
    }
}
