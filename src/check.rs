//! `restaurant-review check`: whether the site can reach everything it needs, and may do all that it does there.

use axum::body::Bytes;

use crate::config::Config;
use crate::error_chain::chain;
use crate::open::{StartError, open_photos, open_store};
use crate::photos::{PhotoName, PhotoStore, PhotoStoreError, ProcessedPhoto};
use crate::store::StoreError;

/// Prints one line for each part. Fails if one of them cannot be used.
pub async fn run(config: &Config) -> Result<(), StartError> {
    println!("configuration  ok");
    for warning in &config.telemetry.warnings {
        println!("telemetry      {warning}");
    }
    let store = async {
        let store = open_store(config).await?;
        match store.check().await {
            Ok(()) => Ok(store.describe()),
            Err(StoreError::NotMigrated(_)) => Ok(store.describe() + " (the next start will create its tables)"),
            Err(error) => Err(StartError(format!("{}: {}", store.describe(), chain(&error)))),
        }
    };
    let photos = async {
        let photos = open_photos(config).await?;
        match store_and_delete(&*photos).await {
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

/// Does what the site does for a review with a photo: an identity that may only read cannot do it.
async fn store_and_delete(photos: &dyn PhotoStore) -> Result<(), PhotoStoreError> {
    photos.ready().await?;
    let name = PhotoName::random();
    let content = || Bytes::from_static(b"a test of restaurant-review check");
    let photo = ProcessedPhoto {
        photo: content(),
        medium: content(),
        thumbnail: content(),
    };
    photos.put(&name, &photo).await?;
    photos.delete(&name).await
}

fn report(part: &str, result: &Result<String, StartError>) -> bool {
    match result {
        Ok(description) => println!("{part:<14} ready: {description}"),
        Err(error) => println!("{part:<14} not ready: {error}"),
    }
    result.is_ok()
}
