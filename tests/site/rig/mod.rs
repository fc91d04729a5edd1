//! The parts of Azure that the site uses, provided by Local Azure, and the site as a process.

mod container;
mod database;
mod proxy;
mod resources;
mod running;

use std::sync::Arc;

use local_azure::state::PostgresServer;
pub use local_azure::testing::patiently;
use local_azure::testing::{Cloud, POSTGRES_SERVER};
use tokio::sync::OnceCell;

pub use self::container::{Container, TestCredential};
pub use self::database::Database;
pub use self::proxy::Proxy;
pub use self::resources::Resources;
pub use self::running::{Running, check, with};

static SHARED: OnceCell<Arc<Cloud>> = OnceCell::const_new();

/// The cloud that most tests share, each with a database or a container of its own.
pub async fn shared() -> Arc<Cloud> {
    SHARED.get_or_init(async || Arc::new(with_passwords())).await.clone()
}

/// A cloud whose database server also accepts roles with a password.
pub fn with_passwords() -> Cloud {
    let cloud = Cloud::start();
    cloud
        .azure()
        .change(|state| {
            state.edit(POSTGRES_SERVER, |server: &mut PostgresServer| {
                server.administrator_login = Some("dbadmin".to_owned());
            });
            Ok(())
        })
        .unwrap();
    cloud
}

/// Whether other tests use that cloud too.
fn is_shared(cloud: &Arc<Cloud>) -> bool {
    SHARED.get().is_some_and(|shared| Arc::ptr_eq(shared, cloud))
}

/// Prints the logs of a shared cloud if the test that uses it fails. Any other cloud prints them itself when it ends.
fn print_logs_if_failed(cloud: &Arc<Cloud>) {
    if is_shared(cloud) && std::thread::panicking() {
        eprint!("{}", cloud.logs());
    }
}
