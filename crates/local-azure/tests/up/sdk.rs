//! Microsoft's libraries for the control plane and the directory, which know only Azure's names.

use std::path::Path;

use crate::running::Up;

/// Resources, roles, locks, users, groups and applications, by the libraries for Python and for Node.js.
#[tokio::test]
async fn azures_libraries_find_what_they_expect() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk");
    let python = folder.join(".venv/bin/python");
    assert!(
        python.exists() && folder.join("node_modules").exists(),
        "run ./test.sh, which installs the libraries"
    );
    let up = Up::start_empty().await;
    for (program, script) in [(python.as_path(), "control.py"), (Path::new("node"), "control.mjs")] {
        let arm = format!("ARM_TOKEN={}", up.say(&["token", "--resource", "arm"]).await.trim());
        let graph = format!("GRAPH_TOKEN={}", up.say(&["token", "--resource", "graph"]).await.trim());
        let script = folder.join(script);
        let command = [program, &script].map(|path| path.to_str().unwrap());
        let arguments = [&["shell", "--", "env", arm.as_str(), graph.as_str()][..], &command].concat();
        let said = up.say(&arguments).await;
        assert!(said.contains("everything is as in Azure"), "{said}");
    }
}
