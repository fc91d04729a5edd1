//! The clouds that the tests run against: `local_azure::testing::Cloud` with the resources of each suite.

mod postgres;
mod site;
mod storage;
mod tenant;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use local_azure::Azure;
use local_azure::state::{ManagedIdentity, State, View as _};
use local_azure::testing::{Cloud, patiently};
use reqwest::{Certificate, Client, ClientBuilder};

pub use self::postgres::{ADMIN, GROUP, IDENTITY, PASSWORD_ADMIN, SERVER, Server, USER, is_private};
pub use self::site::{APP, PYTHON, Site, add, origin, write};
pub use self::storage::{Storage, VERSION, account};
pub use self::tenant::{AUDIENCE, SUBJECT, Tenant, read, send};

/// The resource of tokens for Blob Storage, as clients spell it.
pub const STORAGE: &str = "https://storage.azure.com";

/// A cloud whose state is changed before any service starts, except the identity endpoints.
fn cloud(fill: impl FnOnce(&mut State)) -> Cloud {
    let cloud = Cloud::start();
    change(cloud.azure(), fill);
    cloud
}

/// Changes the state.
pub fn change(azure: &Azure, change: impl FnOnce(&mut State)) {
    let changed = azure.change(|state| {
        change(state);
        Ok(())
    });
    changed.unwrap();
}

/// A managed identity of that name.
pub fn identity(state: &State, name: &str) -> ManagedIdentity {
    ManagedIdentity::new(state.resource_id("rg", ManagedIdentity::KIND, name))
}

/// A client for plain HTTP that ignores the proxies of this machine.
pub fn http() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// A client that trusts only the authority of this Azure.
pub fn https(azure: &Azure) -> ClientBuilder {
    let pem = fs::read(azure.authority().file()).unwrap();
    let root = Certificate::from_pem(&pem).unwrap();
    Client::builder().no_proxy().tls_certs_only([root])
}

/// The Python interpreter that has Azure's client libraries.
pub fn python() -> PathBuf {
    installed("tests/clients/.venv/bin/python")
}

/// A script of tests/clients, with the program that runs it.
pub fn script(name: &str) -> Command {
    let mut command = if Path::new(name).extension().is_some_and(|extension| extension == "py") {
        Command::new(python())
    } else {
        installed("tests/clients/node_modules/jose");
        Command::new("node")
    };
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name));
    command
}

fn installed(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    assert!(
        path.exists(),
        "{} is missing. Run ./test.sh, which installs Azure's client libraries for Python and JavaScript.",
        path.display()
    );
    path
}

/// Waits until the condition holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    patiently(what, async || holds().then_some(())).await;
}

/// Whether a process with that id is running. A zombie does not count.
pub fn runs(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).join("exe").exists()
}
