//! The site as a single process, on SQLite and a folder.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt as _;
use restaurant_review::photos::DirectoryPhotos;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tokio::sync::Mutex;

use super::check::Saved;
use super::clock::{Clocks, STEP};
use super::disk::Disk;
use super::faults::Fault;
use super::load::Load;
use crate::plain_sql::assert_recounted;
use crate::program::signal;
use crate::rig::Running;

/// The name of the process's clock.
const CLOCK: &str = "site";

/// The site, and its visitors.
pub struct Sqlite {
    pub load: Arc<Load>,
    process: Mutex<Running>,
    data: PathBuf,
    clocks: Clocks,
    /// The disk of its data.
    disk: Disk,
}

impl Sqlite {
    pub async fn start(seed: u64) -> Self {
        let disk = Disk::mount(256);
        let data = disk.path().join("data");
        let clocks = Clocks::new();
        clocks.step(CLOCK, 0);
        let process = start(&data, &clocks).await;
        Self {
            load: Load::new(process.base.clone(), seed),
            process: Mutex::new(process),
            data,
            clocks,
            disk,
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
        let process = start(&self.data, &self.clocks).await;
        self.load.moved_to(&process.base);
        *self.process.lock().await = process;
    }

    fn photos(&self) -> PathBuf {
        self.data.join("photos")
    }

    fn step_clock(&self, seconds: i64) {
        self.clocks.step(CLOCK, seconds);
    }

    /// What can fail.
    pub fn faults() -> Vec<Fault<Self>> {
        Vec::from([
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
            Fault::lasting(
                "the disk is full",
                3..=8,
                |site| async { site.disk.fill() }.boxed_local(),
                |site| async { site.disk.empty() }.boxed_local(),
            ),
            Fault::lasting(
                "the folder of the photos is read-only",
                3..=8,
                |site| async { Disk::protect(&site.photos()).await }.boxed_local(),
                |site| async { Disk::release(&site.photos()) }.boxed_local(),
            ),
            Fault::lasting(
                "the clock is two hours fast",
                3..=8,
                |site| async { site.step_clock(STEP) }.boxed_local(),
                |site| async { site.step_clock(0) }.boxed_local(),
            ),
            Fault::lasting(
                "the clock is two hours slow",
                3..=8,
                |site| async { site.step_clock(-STEP) }.boxed_local(),
                |site| async { site.step_clock(0) }.boxed_local(),
            ),
        ])
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

async fn start(data: &std::path::Path, clocks: &Clocks) -> Running {
    let mut environment = vec![("DATA_DIR", data.display().to_string()), ("PORT", "0".to_owned())];
    environment.extend(clocks.environment(CLOCK));
    let process = Running::start(&environment).await;
    clocks.note(process.id());
    process
}
