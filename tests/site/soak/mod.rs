//! A soak: visitors read and write while one part after another fails. Afterwards, every write that the site has
//! acknowledged is there once, every other one at most once, and every photo is where it should be.
//!
//! `./test.sh soak` runs it.
//!
//! - `options`: how long it runs, and where its figures go.
//! - `load` and `journal`: the visitors, and what they remember.
//! - `faults`: injecting one fault after the other.
//! - `azure` with `azure_faults`, and `sqlite`: the two systems, and what can fail in each. `disk` and `clock` help with that.
//! - `check` and `report`: what must be true afterwards, and the figures.

mod azure;
mod azure_faults;
mod check;
mod clock;
mod disk;
mod faults;
mod journal;
mod load;
mod options;
mod report;
mod sqlite;

use self::azure::Azure;
use self::azure_faults::faults;
use self::faults::inject;
use self::load::Load;
use self::options::Options;
use self::sqlite::Sqlite;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by ./test.sh soak"]
async fn on_app_service() {
    let options = Options::from_environment();
    let azure = Azure::start().await;
    let load = Load::new(azure.url(), options.seed);
    let visitors = load.start().await;
    inject(&azure, faults(), &load, &options).await;
    visitors.leave().await;
    let wrong = azure.check(&load).await;
    report::publish("soak on App Service", &load.journal, &options);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by ./test.sh soak"]
async fn on_sqlite() {
    let options = Options::from_environment();
    let site = Sqlite::start(options.seed).await;
    let visitors = site.load.start().await;
    inject(&site, Sqlite::faults(), &site.load, &options).await;
    visitors.leave().await;
    let wrong = site.check().await;
    report::publish("soak on SQLite", &site.load.journal, &options);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
