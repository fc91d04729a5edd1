//! `restaurant-review check`: is everything there that the site needs?

use crate::config::Config;
use crate::error::chain;
use crate::open::{StartError, open_photos, open_store};
use crate::store::StoreError;

/// Prints one line for each dependency; true when all can be reached.
pub async fn run(config: &Config) -> bool {
    println!("configuration  ok");
    let store = async {
        let store = open_store(config).await?;
        match store.ready().await {
            Ok(()) => Ok(store.describe()),
            // It can be reached; its tables come with the start.
            Err(StoreError::NotMigrated(_)) => Ok(store.describe() + " (its tables will be made at the next start)"),
            Err(error) => Err(StartError(format!("{}: {}", store.describe(), chain(&error)))),
        }
    };
    let photos = async {
        let photos = open_photos(config).await?;
        match photos.ready().await {
            Ok(()) => Ok(photos.describe()),
            Err(error) => Err(StartError(format!("{}: {}", photos.describe(), chain(&error)))),
        }
    };
    // Both are always reported.
    report("store", &store.await) & report("photos", &photos.await)
}

fn report(part: &str, result: &Result<String, StartError>) -> bool {
    match result {
        Ok(what) => println!("{part:<14} reachable: {what}"),
        Err(error) => println!("{part:<14} not reachable: {error}"),
    }
    result.is_ok()
}
