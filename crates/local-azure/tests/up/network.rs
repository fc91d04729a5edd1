//! The network of an instance, and that of a shell.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use local_azure::testing::patiently;

use crate::running::{Up, checkout, command, first_process, processes};

#[tokio::test]
async fn an_instance_has_a_network_and_processes_of_its_own() {
    let up = Up::start().await;
    let status = up.say(&["status"]).await;
    assert!(status.contains("0 ready, port 8000, process "), "{status}");
    let process = first_process(&status);
    let environment = fs::read_to_string(format!("/proc/{process}/environ")).unwrap();
    let variables: Vec<_> = environment.split('\0').collect();
    for variable in [
        "HOST=0.0.0.0",
        "PORT=8000",
        "HOME=/home",
        "APP_PATH=/home/site/wwwroot",
        "WEBSITE_HOSTNAME=restaurant-review.azurewebsites.net",
        "IDENTITY_ENDPOINT=http://169.254.129.2:8081/msi/token",
        "DBHOST=restaurant-review-db.postgres.database.azure.com",
        "STORAGE_ACCOUNT_NAME=restaurantreview",
    ] {
        assert!(variables.contains(&variable), "{variable}: {variables:?}");
    }
    for variable in &variables {
        let is_mark = variable.starts_with("LOCAL_AZURE_STATE=");
        assert!(
            is_mark || !variable.contains(up.folder().to_str().unwrap()),
            "{variable}"
        );
        assert!(!variable.starts_with("SSL_CERT_FILE=") && !variable.starts_with("PGSSLROOTCERT="));
    }
    // The site is process 1 in its namespace, because of `exec` in the startup command and in start.sh.
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    assert!(
        status.contains("Name:\trestaurant-revi") && status.contains("\t1\n"),
        "{status}"
    );
    // Nothing listens on this machine's port 8000 because of it.
    let sockets = fs::read_to_string(format!("/proc/{process}/net/tcp")).unwrap();
    assert!(
        sockets.contains(":1F40 ")
            && !fs::read_to_string("/proc/net/tcp")
                .unwrap()
                .contains(":1F40 00000000:0000 0A")
    );

    // A forwarder that is killed is started again, and so is the site.
    let restaurant = up.add_restaurant("Tailspin").await;
    let forwarder = "forward --network";
    let ended = |pattern: &str| {
        let mark = up.folder();
        let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
            let command = fs::read_to_string(entry.path().join("cmdline"))
                .unwrap_or_default()
                .replace('\0', " ");
            let is_ours = command.contains(pattern) && command.contains(mark.to_str().unwrap());
            is_ours.then(|| entry.file_name().into_string().unwrap())
        });
        let killed: Vec<_> = pids.collect();
        for pid in &killed {
            std::process::Command::new("kill")
                .args(["-s", "KILL", pid])
                .status()
                .unwrap();
        }
        killed.len()
    };
    assert!(ended(forwarder) >= 1);
    up.eventually_reviews(&restaurant, "After the forwarder was killed")
        .await;
    let pid = process.to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-s", "KILL", &pid])
            .status()
            .unwrap()
            .success()
    );
    patiently("the site is started again", async || {
        let status = up.say(&["status"]).await;
        (status.contains("0 ready") && first_process(&status) != process).then_some(())
    })
    .await;
    up.eventually_reviews(&restaurant, "After process 1 was killed").await;

    // PostgreSQL is started again too, and nothing is lost.
    for server in processes(&up.folder()) {
        let is_postgres = fs::read_link(server.join("exe")).is_ok_and(|program| program.ends_with("postgres"));
        if is_postgres {
            let id = server.file_name().unwrap().to_str().unwrap().to_owned();
            let _ = std::process::Command::new("kill").args(["-s", "KILL", &id]).status();
        }
    }
    up.eventually_reviews(&restaurant, "After PostgreSQL was killed").await;
    assert!(up.page(&restaurant).await.contains("After process 1 was killed"));
}

/// Where namespaces cannot be used, the app has addresses on this machine.
#[tokio::test]
async fn the_site_runs_with_addresses() {
    let up = Up::start_with(&["--addresses"]).await;
    let process = first_process(&up.say(&["status"]).await);
    let environment = fs::read_to_string(format!("/proc/{process}/environ")).unwrap();
    let has = |start: &str| environment.split('\0').any(|variable| variable.starts_with(start));
    assert!(
        has("DBHOST=127.0.0.1") && has("STORAGE_ACCOUNT_NAME=https://127.0.0.1:"),
        "{environment}"
    );
    // The state keeps Azure's names.
    assert_eq!(
        up.settings()["DBHOST"],
        "restaurant-review-db.postgres.database.azure.com"
    );
    let restaurant = up.add_restaurant("Fabrikam").await;
    up.eventually_reviews(&restaurant, "By address").await;
    let shell = command(&up.folder(), &["shell", "--", "true"]).await;
    let text = String::from_utf8(shell.stderr).unwrap();
    assert!(!shell.status.success() && text.contains("--addresses"), "{text}");
}

/// Programs in `local-azure shell` reach everything by Azure's own names.
#[tokio::test]
async fn a_shell_has_azures_names() {
    let up = Up::start().await;
    let token = up.say(&["token"]).await;
    let script = checkout().join("crates/local-azure/tests/up/inside.py");
    let user = fs::metadata("/proc/self").unwrap().uid().to_string();
    let expected = format!("EXPECTED_USER={user}");
    let arguments = [
        "shell",
        "--",
        "env",
        &expected,
        "python3",
        script.to_str().unwrap(),
        "restaurantreview",
        "restaurant-review-db",
        "restaurant-review",
        "developer@contoso.onmicrosoft.com",
        &token,
    ];
    assert_eq!(up.say(&arguments).await.trim(), "everything is as in Azure");

    // As the app, it has the app's settings and identity.
    let script = "import json, os, urllib.request as u\n\
        url = os.environ['IDENTITY_ENDPOINT'] + '?api-version=2019-08-01&resource=https://storage.azure.com'\n\
        url += '&client_id=' + os.environ['AZURE_CLIENT_ID']\n\
        r = u.Request(url, headers={'X-IDENTITY-HEADER': os.environ['IDENTITY_HEADER']})\n\
        print(os.environ['WEBSITE_SITE_NAME'], os.environ['DBHOST'], json.load(u.urlopen(r))['token_type'])";
    let said = up
        .say(&["shell", "--as", "restaurant-review", "--", "python3", "-c", script])
        .await;
    assert_eq!(
        said.trim(),
        "restaurant-review restaurant-review-db.postgres.database.azure.com Bearer"
    );

    // Another version is deployed without a stop.
    let package = up.package_with("deployed");
    let text = up
        .say(&["deploy", "restaurant-review", package.to_str().unwrap()])
        .await;
    assert!(text.contains("runs the new version"), "{text}");
    assert!(up.say(&["logs", "-n", "30"]).await.contains("deployed"), "{}", up.log());
    let wrong = command(&up.folder(), &["deploy", "restaurant-review", "no-such.zip"]).await;
    assert!(!wrong.status.success() && String::from_utf8_lossy(&wrong.stderr).contains("no-such.zip"));

    // The exit code is that of the command, and nothing is left of the network.
    let output = command(&up.folder(), &["shell", "--", "sh", "-c", "exit 7"]).await;
    assert_eq!(output.status.code(), Some(7));
    let networks = fs::read_dir(up.folder().join("network")).unwrap();
    let folders = networks.filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_dir());
    let mut left: Vec<_> = folders.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["azure-cli-extensions", "bin"]);
}
