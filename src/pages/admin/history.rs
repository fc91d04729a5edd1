//! The history of changes, as several pages show it (`templates/admin/history.html`).

use crate::error::AppError;
use crate::model::{Recorded, Subject};
use crate::store::{CHANGES_PER_PAGE, Store};
use crate::web::query_pairs;

/// One page of a history, the latest change first.
pub(super) struct History {
    pub(super) changes: Vec<Recorded>,
    /// The number of the last change, if earlier ones follow.
    pub(super) before: Option<i64>,
}

impl History {
    /// The page that `?before=` names.
    pub(super) async fn read(store: &dyn Store, of: Subject, query: &str) -> Result<Self, AppError> {
        let before = query_pairs(query).find_map(|(name, value)| (name == "before").then(|| value.parse().ok())?);
        let mut changes = store.history(of, before).await?;
        let has_more = changes.len() > CHANGES_PER_PAGE;
        changes.truncate(CHANGES_PER_PAGE);
        Ok(Self {
            before: changes.last().filter(|_| has_more).map(|change| change.id),
            changes,
        })
    }
}
