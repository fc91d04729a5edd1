//! `restaurant-review check`: whether the site can reach everything it needs.

use crate::config::Config;
use crate::error_chain::chain;
use crate::open::{StartError, open_photos, open_store};
use crate::store::StoreError;

/// Prints one line for each part. Fails if one of them cannot be reached.
pub async fn run(config: &Config) -> Result<(), StartError> {
    println!("configuration  ok");
    let store = async {
        let store = open_store(config).await?;
        match store.ready().await {
            Ok(()) => Ok(store.describe()),
            // The store is reachable. The site creates its tables when it starts.
            Err(StoreError::NotMigrated(_)) => Ok(store.describe() + " (the next start will create its tables)"),
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
    // Both parts are reported, even if the first one cannot be reached.
    if report("store", &store.await) & report("photos", &photos.await) {
        Ok(())
    } else {
        Err(StartError("The site cannot reach everything it needs.".into()))
    }
}

fn report(part: &str, result: &Result<String, StartError>) -> bool {
    match result {
        Ok(description) => println!("{part:<14} reachable: {description}"),
        Err(error) => println!("{part:<14} not reachable: {error}"),
    }
    result.is_ok()
}
