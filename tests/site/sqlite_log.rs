//! SQLite's write-ahead log stays small.

use local_azure::testing::patiently;
use restaurant_review::model::NewRestaurant;

use crate::harness::Site;

/// The log is copied into the file after each 1,000 pages of 4 KiB.
const LONGEST: u64 = 8 << 20;
/// Each restaurant adds more than ten pages to the log.
const RESTAURANTS: usize = 500;

#[tokio::test]
async fn the_log_stays_small_and_is_emptied_when_the_site_is_idle() {
    let site = Site::start().await;
    let log = site.folder.path().join("restaurants.sqlite3-wal");
    let length = || std::fs::metadata(&log).unwrap().len();
    for number in 0..RESTAURANTS {
        let new = NewRestaurant {
            name: format!("Restaurant {number}"),
            street_address: format!("{number} Main Street"),
            description: format!("A description of number {number}, with several words"),
        };
        site.app.store.add_restaurant(&new, None).await.unwrap();
        assert!(length() < LONGEST, "{number}: {}", length());
    }
    patiently("the log is empty", async || (length() == 0).then_some(())).await;
}
