//! `restaurant-review check`: is everything there that the site needs?

use crate::config::Config;
use crate::error::chain;
use crate::server::{StartError, open_photos, open_store};

/// Prints one line for each dependency; true when all can be reached.
pub async fn run(config: &Config) -> bool {
    println!("configuration  ok");
    let store = async {
        let store = open_store(config).await?;
        store.ready().await.map_err(|error| StartError(chain(&error)))?;
        Ok(store.describe())
    };
    let photos = async {
        let photos = open_photos(config).await?;
        photos.ready().await.map_err(|error| StartError(chain(&error)))?;
        Ok(photos.describe())
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
