//! What can fail of a site on App Service.

use std::fs;
use std::time::Duration;

use futures_util::FutureExt as _;
use local_azure::faults::{FaultSet, IdentityFault};
use local_azure::testing::APP;

use super::azure::Azure;
use super::clock::STEP;
use super::faults::Fault;
use crate::program::signal;

/// The instance whose clock is stepped.
const INSTANCE: &str = "lw0";

/// What can fail.
pub fn faults() -> Vec<Fault<Azure>> {
    let mut faults = Vec::from(of_postgres());
    faults.extend(of_blob_storage());
    faults.extend(of_identity());
    faults.extend(of_instances());
    faults.extend(of_clocks());
    faults
}

fn of_postgres() -> [Fault<Azure>; 7] {
    [
        Fault::lasting(
            "PostgreSQL: killed",
            2..=6,
            |azure| async { azure.resources.postgres().await.kill() }.boxed_local(),
            |azure| async { azure.resources.postgres().await.start_again().await.unwrap() }.boxed_local(),
        ),
        Fault::momentary("PostgreSQL: restarted", |azure| {
            async { azure.resources.postgres().await.restart().await.unwrap() }.boxed_local()
        }),
        Fault::lasting(
            "PostgreSQL: hangs (SIGSTOP)",
            5..=15,
            |azure| azure.stop_postgres().boxed_local(),
            |azure| async { azure.go_on() }.boxed_local(),
        ),
        Fault::lasting(
            "PostgreSQL: read-only",
            2..=6,
            |azure| azure.set_read_only("on").boxed_local(),
            |azure| azure.set_read_only("default").boxed_local(),
        ),
        Fault::momentary("PostgreSQL: connections cut", |azure| {
            azure.resources.database.end_connections().boxed_local()
        }),
        Fault::momentary("PostgreSQL: connections black-holed", |azure| {
            async { azure.before_postgres.silence_open_connections() }.boxed_local()
        }),
        Fault::lasting(
            "PostgreSQL: disk full",
            4..=8,
            |azure| async { azure.disk.fill() }.boxed_local(),
            |azure| async { azure.disk.empty() }.boxed_local(),
        ),
    ]
}

fn of_blob_storage() -> [Fault<Azure>; 6] {
    [
        Fault::momentary("Blob Storage: killed", |azure| {
            async { azure.resources.blob_storage().await.kill_azurite() }.boxed_local()
        }),
        Fault::lasting(
            "Blob Storage: hangs (SIGSTOP)",
            5..=15,
            |azure| async { azure.stop_azurite() }.boxed_local(),
            |azure| async { azure.go_on() }.boxed_local(),
        ),
        Fault::momentary("Blob Storage: connections black-holed", |azure| {
            async { azure.before_blob_storage.silence_open_connections() }.boxed_local()
        }),
        Fault::lasting(
            "Blob Storage: refuses connections",
            2..=6,
            |azure| azure.stop_blob_storage().boxed_local(),
            |azure| azure.start_blob_storage().boxed_local(),
        ),
        Fault::lasting(
            "Blob Storage: answers 500",
            2..=6,
            |azure| async { azure.change_faults(|faults| faults.storage = Some(500)) }.boxed_local(),
            |azure| async { azure.change_faults(|faults| faults.storage = None) }.boxed_local(),
        ),
        Fault::lasting(
            "Blob Storage: answers 503 with Retry-After",
            2..=6,
            |azure| async { azure.change_faults(|faults| faults.storage = Some(503)) }.boxed_local(),
            |azure| async { azure.change_faults(|faults| faults.storage = None) }.boxed_local(),
        ),
    ]
}

/// Each lasts longer than a token.
fn of_identity() -> [Fault<Azure>; 3] {
    [
        Fault::lasting(
            "identity: refuses connections",
            15..=20,
            |azure| async { azure.resources.cloud.identity_endpoints().stop() }.boxed_local(),
            |azure| async { azure.resources.cloud.identity_endpoints().start_again().unwrap() }.boxed_local(),
        ),
        Fault::lasting(
            "identity: answers after 4 s",
            15..=20,
            |azure| async { azure.set_identity(IdentityFault::Slow(Duration::from_secs(4))) }.boxed_local(),
            |azure| async { azure.set_identity(IdentityFault::None) }.boxed_local(),
        ),
        Fault::lasting(
            "identity: answers 429",
            15..=20,
            |azure| async { azure.set_identity(IdentityFault::TooManyRequests { retry_after: 2 }) }.boxed_local(),
            |azure| async { azure.set_identity(IdentityFault::None) }.boxed_local(),
        ),
    ]
}

fn of_instances() -> [Fault<Azure>; 2] {
    [
        Fault::momentary("an instance: killed", |azure| {
            async { azure.kill_instance() }.boxed_local()
        }),
        Fault::momentary("all instances: rolled", |azure| azure.roll().boxed_local()),
    ]
}

fn of_clocks() -> [Fault<Azure>; 2] {
    [
        Fault::lasting(
            "an instance: clock two hours fast",
            5..=10,
            |azure| async { azure.step_clock(STEP) }.boxed_local(),
            |azure| async { azure.step_clock(0) }.boxed_local(),
        ),
        Fault::lasting(
            "an instance: clock two hours slow",
            5..=10,
            |azure| async { azure.step_clock(-STEP) }.boxed_local(),
            |azure| async { azure.step_clock(0) }.boxed_local(),
        ),
    ]
}

impl Azure {
    /// Stops all processes of PostgreSQL.
    async fn stop_postgres(&self) {
        let first = self.postgres_process().await;
        self.stop(first);
        // It starts no further process now.
        let children = fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap();
        for child in children.split_whitespace() {
            self.stop(child.parse().unwrap());
        }
    }

    async fn stop_blob_storage(&self) {
        self.before_blob_storage.refuse().await;
        self.resources.blob_storage().await.stop();
    }

    async fn start_blob_storage(&self) {
        self.resources.blob_storage().await.start_again().unwrap();
        self.before_blob_storage.accept();
    }

    /// Stops Azurite.
    fn stop_azurite(&self) {
        let data = self.resources.cloud.azure().folder().join("storage/data");
        let data = data.to_str().unwrap();
        for process in fs::read_dir("/proc").unwrap() {
            let process = process.unwrap();
            // A process may have ended meanwhile.
            let command = fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
            let mut arguments = command.split('\0');
            // The shell that supervises it has the same arguments.
            let is_node = arguments.next().is_some_and(|program| program.ends_with("node"));
            if is_node && arguments.any(|argument| argument == data) {
                self.stop(process.file_name().to_str().unwrap().parse().unwrap());
            }
        }
        assert!(!self.stopped.lock().unwrap().is_empty(), "Azurite runs");
    }

    /// Stops a process. One that has ended meanwhile is ignored.
    fn stop(&self, process: u32) {
        if signal(process, "-STOP") {
            self.stopped.lock().unwrap().push(process);
        }
    }

    /// Lets the stopped processes go on.
    fn go_on(&self) {
        for process in self.stopped.lock().unwrap().drain(..) {
            signal(process, "-CONT");
        }
    }

    async fn set_read_only(&self, value: &str) {
        let database = &self.resources.database;
        database
            .admin(&format!("alter system set default_transaction_read_only = {value}"))
            .await;
        database.admin("select pg_reload_conf()").await;
    }

    fn change_faults(&self, change: impl FnOnce(&mut FaultSet)) {
        self.resources.cloud.azure().faults().change(change);
    }

    fn set_identity(&self, fault: IdentityFault) {
        self.change_faults(|faults| faults.identity = fault);
    }

    /// Kills an instance with SIGKILL. App Service starts it again.
    fn kill_instance(&self) {
        let instances = self.service().status(APP).unwrap();
        let mut processes = instances.iter().filter_map(|instance| instance.process);
        if let Some(process) = processes.next() {
            signal(process, "-KILL");
        }
    }

    /// Replaces all instances.
    async fn roll(&self) {
        self.service().restart(APP).await.unwrap();
        self.service().wait_ready(APP).await.unwrap();
    }

    fn step_clock(&self, seconds: i64) {
        self.clocks.step(INSTANCE, seconds);
    }
}
