//! `az login` and programs with MSAL in `local-azure shell`, which sign a person in with a browser outside of it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tokio::process::Command;

use crate::examples::commands;
use crate::running::{PROGRAM, Up, path_with_azure_cli};

#[tokio::test]
async fn people_sign_in_with_a_browser() {
    let up = Up::start_empty().await;
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let home = tempfile::tempdir().unwrap();
    let (browser, log) = (home.path().join("browser"), home.path().join("log"));
    let page = tests.join("browser/sign_in_page.mjs");
    let script = format!(
        "#!/bin/sh\nexec node '{}' \"$1\" >>'{}' 2>&1\n",
        page.display(),
        log.display()
    );
    fs::write(&browser, script).unwrap();
    fs::set_permissions(&browser, Permissions::from_mode(0o755)).unwrap();
    let script = format!(
        "PATH=$LOCAL_AZURE_WORDS:$PATH; . {}",
        tests.join("azure_cli/sign_in.sh").display()
    );
    let path = path_with_azure_cli();
    let output = Command::new(PROGRAM)
        .arg("--state")
        .arg(up.folder())
        .args(["shell", "--", "env", &path, "bash", "-e", "-c", &script])
        .env("BROWSER", &browser)
        .env("USER_NAME", "bob@contoso.onmicrosoft.com")
        .env("PASSWORD", "Riddle-123456")
        .env("COMMANDS", &commands("docs/local-azure.md", "Sign people in")[0])
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let seen = fs::read_to_string(&log).unwrap_or_default();
    assert!(output.status.success(), "{said}\n{seen}\n{}", up.log());
    assert_eq!(seen.matches("signed in").count(), 2, "{seen}");
    assert!(
        said.contains("The page was opened in a browser. Its address is https://localhost:"),
        "{said}"
    );
}
