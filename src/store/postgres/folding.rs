//! Folds the texts of restaurants that another program wrote, or this one with an earlier folding.

use sqlx::{Connection as _, PgConnection};

use super::search;
use crate::model::{FOLDING, NewRestaurant, SearchText, sort_key};

/// Folds some of them. Returns their number.
pub(super) async fn fold_some(connection: &mut PgConnection) -> sqlx::Result<usize> {
    // Usually there are none.
    let any = sqlx::query_scalar!(
        "select exists (select from restaurants where folding < $1) as \"any!\"",
        FOLDING
    );
    if !any.fetch_one(&mut *connection).await? {
        return Ok(0);
    }
    let mut transaction = connection.begin().await?;
    // The rows are locked until they are folded, so that no text changes in between. Another instance does not wait for
    // them, but folds others.
    let rows = sqlx::query!(
        "select id, name, street_address, description from restaurants
         where folding < $1 order by folding limit 200 for no key update skip locked",
        FOLDING
    )
    .fetch_all(&mut *transaction)
    .await?;
    let (mut ids, mut names, mut words) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        ids.push(row.id);
        names.push(sort_key(&row.name));
        words.push(search::vector(&SearchText::of(&NewRestaurant {
            name: row.name,
            street_address: row.street_address,
            description: row.description,
        })));
    }
    sqlx::query!(
        "update restaurants set name_folded = folded.name, search_words = folded.words::tsvector, folding = $1
             from unnest($2::bigint[], $3::text[], $4::text[]) folded (id, name, words)
             where restaurants.id = folded.id",
        FOLDING,
        &ids,
        &names,
        &words
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(ids.len())
}
