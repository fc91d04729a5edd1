//! Finds out how an app is started.
//!
//! Without a startup command, the startup script generators of Oryx look for the frameworks that they know. The order is
//! theirs: <https://github.com/microsoft/Oryx/tree/main/src/startupscriptgenerator/src>

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use super::runtime::Runtime;
use crate::shell_quote::quote_for_shell;
use crate::state::WebApp;

/// The modules in which an app of Flask is looked for.
const FLASK_MODULES: [&str; 4] = ["application", "app", "index", "server"];
/// The files that Node.js is started with if package.json does not name any.
const NODE_FILES: [&str; 4] = ["bin/www", "server.js", "app.js", "index.js"];

/// How much of a file is read.
const READ_LIMIT: u64 = 256 << 10;

/// The command that starts the app whose files are in the folder. `None` means the default page: nothing was found.
pub(super) fn start_command(app: &WebApp, folder: &Path) -> Option<String> {
    let command = app.startup_command.trim();
    if !command.is_empty() {
        return Some(command.to_owned());
    }
    match Runtime::of(app) {
        Some(Runtime::Python) => python(folder),
        Some(Runtime::Node) => node(folder),
        None => python(folder).or_else(|| node(folder)),
    }
}

fn python(folder: &Path) -> Option<String> {
    let gunicorn = |module: &str| {
        format!("GUNICORN_CMD_ARGS=\"--timeout 600 --access-logfile '-' --error-logfile '-'\" gunicorn {module}")
    };
    if let Some(package) = django_package(folder) {
        return Some(gunicorn(&format!("{package}.wsgi")));
    }
    let mut modules = FLASK_MODULES.into_iter();
    let module = modules.find(|module| is_flask(&folder.join(format!("{module}.py"))))?;
    Some(gunicorn(&format!("{module}:app")))
}

/// The first folder, in the order of the names, with a Django project's `wsgi.py`.
fn django_package(folder: &Path) -> Option<String> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let mut names: Vec<_> = entries
        .filter(|entry| entry.path().join("wsgi.py").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        // Only a Python package can be imported.
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
        .collect();
    names.sort();
    names.into_iter().next()
}

fn is_flask(file: &Path) -> bool {
    start_of(file).to_ascii_lowercase().contains("flask")
}

/// The start of a file, or nothing if it is no file. The app can write what is there.
fn start_of(file: &Path) -> String {
    let mut start = Vec::new();
    if file.is_file()
        && let Ok(file) = File::open(file)
    {
        let _ = file.take(READ_LIMIT).read_to_end(&mut start);
    }
    String::from_utf8_lossy(&start).into_owned()
}

fn node(folder: &Path) -> Option<String> {
    let package: Value = serde_json::from_str(&start_of(&folder.join("package.json"))).unwrap_or_default();
    if package["scripts"]["start"].is_string() {
        return Some("npm start".to_owned());
    }
    let main = package["main"].as_str();
    let file = main
        .into_iter()
        .chain(NODE_FILES)
        .find(|file| folder.join(file).is_file())?;
    Some(format!("node {}", quote_for_shell(file)))
}

#[cfg(test)]
mod tests {
    use super::super::settings::tests::app;
    use super::*;

    #[test]
    fn a_framework_is_found_by_its_files() {
        let django = ("project/wsgi.py", "application = get_wsgi_application()");
        let flask = ("app.py", "from flask import Flask\napp = Flask(__name__)");
        let start = ("package.json", r#"{"scripts": {"start": "node a.js"}, "main": "b.js"}"#);
        let main = ("package.json", r#"{"main": "it's.js"}"#);
        for (runtime, files, expected) in [
            ("PYTHON|3.13", vec![django, flask, start], "gunicorn project.wsgi"),
            ("python|3.9", vec![flask, start], "gunicorn app:app"),
            (
                "PYTHON|3.13",
                vec![("server.py", "import Flask"), flask],
                "gunicorn app:app",
            ),
            ("PYTHON|3.13", vec![("app.py", "import http.server")], ""),
            ("PYTHON|3.13", vec![start], ""),
            ("PYTHON|3.13", vec![("not-a-package/wsgi.py", "")], ""),
            ("NODE|22-lts", vec![django, start], "npm start"),
            ("NODE|22-lts", vec![main, ("it's.js", "")], r"node 'it'\''s.js'"),
            ("NODE|22-lts", vec![main, ("index.js", "")], "node 'index.js'"),
            (
                "NODE|22-lts",
                vec![("package.json", "no JSON"), ("bin/www", "")],
                "node 'bin/www'",
            ),
            ("NODE|22-lts", vec![flask], ""),
            ("", vec![start, flask], "gunicorn app:app"),
            ("", vec![start], "npm start"),
            ("DOTNETCORE|8.0", vec![start], "npm start"),
            ("", vec![("start.sh", "")], ""),
        ] {
            let folder = tempfile::tempdir().unwrap();
            for (name, text) in &files {
                let file = folder.path().join(name);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
            let mut app = app(&[]);
            app.startup_command.clear();
            runtime.clone_into(&mut app.runtime);
            let found = start_command(&app, folder.path()).unwrap_or_default();
            assert!(found.ends_with(expected), "{runtime} {files:?}: {found}");
            assert_eq!(found.is_empty(), expected.is_empty(), "{runtime} {files:?}: {found}");
            app.startup_command = " ./run.sh ".to_owned();
            assert_eq!(start_command(&app, folder.path()).as_deref(), Some("./run.sh"));
        }
    }
}
