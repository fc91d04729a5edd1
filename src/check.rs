//! `restaurant-review check`: is everything there that the site needs?

use std::error::Error;

use crate::config::Config;
use crate::error::chain;
use crate::server;

/// Prints one line for each dependency; true when all can be reached.
pub async fn run(config: Config) -> bool {
    println!("configuration  ok");
    let app = match server::open(config).await {
        Ok(app) => app,
        Err(error) => {
            println!("data           not reachable: {error}");
            return false;
        }
    };
    let store = report("store", &app.store.describe(), app.store.ready().await);
    let photos = report("photos", &app.photos.describe(), app.photos.ready().await);
    store && photos
}

fn report<E: Error + 'static>(part: &str, what: &str, result: Result<(), E>) -> bool {
    match &result {
        Ok(()) => println!("{part:<14} ok: {what}"),
        Err(error) => println!("{part:<14} not reachable: {what}: {}", chain(error)),
    }
    result.is_ok()
}
