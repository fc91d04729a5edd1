//! The site as a single process, on SQLite and a folder.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt as _;
use restaurant_review::photos::DirectoryPhotos;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::check::Saved;
use super::clock::{Clocks, STEP};
use super::disk::Disk;
use super::faults::Fault;
use super::load::Load;
use crate::plain_sql::assert_recounted;
use crate::process::signal;
use crate::rig::Running;

/// The name of the process's clock.
const CLOCK: &str = "site";

/// The site, and its visitors.
pub struct Sqlite {
    pub load: Arc<Load>,
    process: Mutex<Running>,
    data: PathBuf,
    clocks: Option<Clocks>,
    /// The disk of its data. Where none can be mounted, they are in the folder.
    disk: Option<Disk>,
    _folder: TempDir,
}

impl Sqlite {
    pub async fn start(seed: u64) -> Self {
        let (disk, folder) = (Disk::mount(256), tempfile::tempdir().unwrap());
        let data = disk.as_ref().map_or(folder.path(), Disk::path).join("data");
        let clocks = Clocks::new();
        if let Some(clocks) = &clocks {
            clocks.step(CLOCK, 0);
        }
        let process = start(&data, clocks.as_ref()).await;
        Self {
            load: Load::new(process.base.clone(), seed),
            process: Mutex::new(process),
            data,
            clocks,
            disk,
            _folder: folder,
        }
    }

    async fn signal(&self, name: &str) {
        assert!(signal(self.process.lock().await.id(), name));
    }

    /// Sends a signal that ends the process.
    async fn end(&self, name: &str) {
        let mut process = self.process.lock().await;
        assert!(signal(process.id(), name));
        process.ended().await;
    }

    async fn start_again(&self) {
        let process = start(&self.data, self.clocks.as_ref()).await;
        self.load.moved_to(&process.base);
        *self.process.lock().await = process;
    }

    fn disk(&self) -> &Disk {
        self.disk.as_ref().unwrap()
    }

    fn photos(&self) -> PathBuf {
        self.data.join("photos")
    }

    fn step_clock(&self, seconds: i64) {
        self.clocks.as_ref().unwrap().step(CLOCK, seconds);
    }

    /// What can fail.
    pub fn faults(&self) -> Vec<Fault<Self>> {
        let mut faults: Vec<Fault<Self>> = Vec::from([
            Fault::lasting(
                "the process is killed",
                1..=3,
                |site: &Self| site.end("-KILL").boxed_local(),
                |site| site.start_again().boxed_local(),
            ),
            Fault::momentary("the process is restarted (SIGTERM)", |site| {
                site.end("-TERM").then(|()| site.start_again()).boxed_local()
            }),
            Fault::lasting(
                "the process hangs (SIGSTOP)",
                3..=10,
                |site| site.signal("-STOP").boxed_local(),
                |site| site.signal("-CONT").boxed_local(),
            ),
        ]);
        if self.disk.is_some() {
            faults.push(Fault::lasting(
                "the disk is full",
                3..=8,
                |site| async { site.disk().fill() }.boxed_local(),
                |site| async { site.disk().empty() }.boxed_local(),
            ));
            faults.push(Fault::lasting(
                "the folder of the photos is read-only",
                3..=8,
                |site| async { Disk::protect(&site.photos()) }.boxed_local(),
                |site| async { Disk::release(&site.photos()) }.boxed_local(),
            ));
        }
        if self.clocks.is_some() {
            faults.push(Fault::lasting(
                "the clock is two hours fast",
                3..=8,
                |site| async { site.step_clock(STEP) }.boxed_local(),
                |site| async { site.step_clock(0) }.boxed_local(),
            ));
            faults.push(Fault::lasting(
                "the clock is two hours slow",
                3..=8,
                |site| async { site.step_clock(-STEP) }.boxed_local(),
                |site| async { site.step_clock(0) }.boxed_local(),
            ));
        }
        faults
    }

    /// Stops the site, and checks what it has saved. Returns what is wrong.
    pub async fn check(&self) -> Vec<String> {
        self.end("-TERM").await;
        let file = self.data.join("restaurants.sqlite3");
        let sql = SqlitePool::connect_with(SqliteConnectOptions::new().filename(file))
            .await
            .unwrap();
        let names =
            async |query: &'static str| -> Vec<String> { sqlx::query_scalar(query).fetch_all(&sql).await.unwrap() };
        assert_eq!(names("pragma integrity_check").await, ["ok"]);
        assert_recounted(&sql).await;
        let files = std::fs::read_dir(self.photos()).unwrap();
        let saved = Saved {
            restaurants: names("select name from restaurants").await,
            reviews: sqlx::query_as("select user_name, image_name from reviews")
                .fetch_all(&sql)
                .await
                .unwrap(),
            unclaimed: names("select name from unclaimed_photos").await,
            files: files
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .collect(),
        };
        sql.close().await;
        let photos = DirectoryPhotos::open(&self.photos(), 0).await.unwrap();
        let log = self.process.lock().await.log();
        saved.check(&self.load.journal, &photos, &log).await
    }
}

async fn start(data: &std::path::Path, clocks: Option<&Clocks>) -> Running {
    let mut environment = vec![("DATA_DIR", data.display().to_string()), ("PORT", "0".to_owned())];
    environment.extend(clocks.map(|clocks| clocks.environment(CLOCK)).into_iter().flatten());
    let process = Running::start(&environment).await;
    if let Some(clocks) = clocks {
        clocks.note(process.id());
    }
    process
}
