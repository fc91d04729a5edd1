//! Hears from the store what changes, and keeps the pages up to it.

use std::time::Duration;

use crate::app::App;
use crate::error::chain;
use crate::store::{Change, StoreError};

/// The pause before changes are followed again, doubled after each further failure, and its bound.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Follows changes until the task is dropped. While it cannot, no page is kept.
pub async fn run(app: App) {
    if !app.pages.is_wanted() {
        return;
    }
    let mut pause = FIRST_PAUSE;
    loop {
        let result = follow(&app).await;
        let was_on = app.pages.is_on();
        app.pages.switch_off();
        match result {
            // This store tells nobody of its changes.
            Ok(Followed::Never) => return,
            Ok(Followed::ForItsTime) => {}
            Err(error) => {
                if was_on || pause == FIRST_PAUSE {
                    let cause = chain(&error);
                    tracing::warn!(
                        cause,
                        "changes cannot be heard; until they can, each page is read from the store"
                    );
                }
                pause = if was_on {
                    FIRST_PAUSE
                } else {
                    (pause * 2).min(LONGEST_PAUSE)
                };
                tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
            }
        }
    }
}

enum Followed {
    Never,
    ForItsTime,
}

async fn follow(app: &App) -> Result<Followed, StoreError> {
    let Some(mut changes) = app.store.changes().await? else {
        return Ok(Followed::Never);
    };
    app.pages.switch_on();
    tracing::debug!("changes are heard; pages are kept");
    while let Some(change) = changes.next().await? {
        match change {
            Change::Restaurant(id) => app.pages.changed(id),
            Change::Everything => app.pages.switch_on(),
            Change::HeardUntil(moment) => app.pages.heard_until(moment),
        }
    }
    Ok(Followed::ForItsTime)
}
