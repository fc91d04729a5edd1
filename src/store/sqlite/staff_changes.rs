//! What the staff and writers change, each in one transaction with its entry in the history. A transaction has the whole
//! file for itself from its beginning.

use std::collections::BTreeSet;

use sqlx::{SqliteConnection, SqlitePool};

use super::search;
use crate::model::{
    Done, Entry, FOLDING, NewRestaurant, NewReview, Outcome, PhotoChange, RestaurantId, ReviewAction, ReviewChange,
    ReviewId, SearchText, SeenRestaurant, StaffReview, SubmissionId, Versioned, sort_key,
};
use crate::photos::PhotoName;
use crate::store::staff_rows::{
    StaffRestaurantRow, StaffReviewRow, action_entry, addition_entry, are_as_seen, deletion_entry, restaurant_entry,
    review_entry,
};

const BEGIN: &str = "begin immediate";

/// One review.
pub(super) const REVIEW: &str =
    "select reviews.id, restaurant_id, restaurants.name as restaurant_name, user_name, rating, review_text, review_date,
            image_name, hidden, reviews.version
     from reviews join restaurants on restaurants.id = restaurant_id
     where reviews.id = ?1";

/// One restaurant, with the numbers that tell whether it or one of its reviews has changed.
pub(super) const RESTAURANT: &str = "select restaurants.id, name, street_address, description, restaurants.version,
            count(reviews.id) as reviews, count(image_name) as photos, coalesce(max(reviews.id), 0) as last_review,
            coalesce(sum(reviews.version), 0) as review_versions,
            (select coalesce(max(id), 0) from changes where restaurant_id = restaurants.id) as last_change
     from restaurants left join reviews on restaurant_id = restaurants.id
     where restaurants.id = ?1 group by restaurants.id";

pub(super) async fn add_restaurant(
    writer: &SqlitePool,
    new: &NewRestaurant,
    submission: Option<&SubmissionId>,
    by: &str,
) -> sqlx::Result<RestaurantId> {
    let mut transaction = writer.begin_with(BEGIN).await?;
    let submission = submission.map(SubmissionId::as_str);
    let known: Option<i64> = sqlx::query_scalar("select id from restaurants where submission_id = ?1")
        .bind(submission)
        .fetch_optional(&mut *transaction)
        .await?;
    if let Some(id) = known {
        return Ok(RestaurantId(id));
    }
    let done = sqlx::query(
        "insert into restaurants (name, street_address, description, submission_id, name_folded, search_text, folding)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .bind(&new.name)
    .bind(&new.street_address)
    .bind(&new.description)
    .bind(submission)
    .bind(sort_key(&new.name))
    .bind(search::text(&SearchText::of(new)))
    .bind(FOLDING)
    .execute(&mut *transaction)
    .await?;
    let id = RestaurantId(done.last_insert_rowid());
    record(&mut transaction, &restaurant_entry(id, None, new), by).await?;
    transaction.commit().await?;
    Ok(id)
}

pub(super) async fn change_restaurant(
    writer: &SqlitePool,
    seen: Versioned,
    new: &NewRestaurant,
    by: &str,
) -> sqlx::Result<Outcome> {
    let mut transaction = writer.begin_with(BEGIN).await?;
    let row: Option<StaffRestaurantRow> = sqlx::query_as(RESTAURANT)
        .bind(seen.id)
        .fetch_optional(&mut *transaction)
        .await?;
    let Some(row) = row else { return Ok(Outcome::Missing) };
    let before = row.restaurant()?;
    // Also if the form is sent again: then the first one has changed the version.
    if before.texts == *new {
        return Ok(Outcome::Done);
    }
    if before.seen.version != seen.version {
        return Ok(Outcome::Stale);
    }
    sqlx::query("update restaurants set name = ?2, street_address = ?3, description = ?4 where id = ?1")
        .bind(seen.id)
        .bind(&new.name)
        .bind(&new.street_address)
        .bind(&new.description)
        .execute(&mut *transaction)
        .await?;
    // A trigger has folded the texts roughly.
    sqlx::query("update restaurants set name_folded = ?2, search_text = ?3, folding = ?4 where id = ?1")
        .bind(seen.id)
        .bind(sort_key(&new.name))
        .bind(search::text(&SearchText::of(new)))
        .bind(FOLDING)
        .execute(&mut *transaction)
        .await?;
    let entry = restaurant_entry(before.id, Some(&before.texts), new);
    record(&mut transaction, &entry, by).await?;
    transaction.commit().await?;
    Ok(Outcome::Done)
}

pub(super) async fn delete_restaurants(
    writer: &SqlitePool,
    seen: &[SeenRestaurant],
    by: &str,
) -> sqlx::Result<Option<Vec<PhotoName>>> {
    let ids: BTreeSet<i64> = seen.iter().map(|seen| seen.id.0).collect();
    let mut transaction = writer.begin_with(BEGIN).await?;
    let mut found = Vec::new();
    for id in ids {
        let row: Option<StaffRestaurantRow> = sqlx::query_as(RESTAURANT)
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
        found.extend(row.map(StaffRestaurantRow::restaurant).transpose()?);
    }
    if !are_as_seen(&found, seen) {
        return Ok(None);
    }
    let mut photos = Vec::new();
    for restaurant in &found {
        let id = restaurant.id.0;
        let names: Vec<String> =
            sqlx::query_scalar("select image_name from reviews where restaurant_id = ?1 and image_name is not null")
                .bind(id)
                .fetch_all(&mut *transaction)
                .await?;
        photos.extend(names.iter().filter_map(|name| name.parse().ok()));
        // Each review gets the entry of `action_entry`.
        sqlx::query(
            "insert into changes (changed_by, action, restaurant_id, review_id, text_before)
             select ?2, 'deleted', restaurant_id, id,
                    'Name: ' || user_name || char(10) || 'Rating: ' || rating || char(10)
                    || 'Photo: ' || coalesce(image_name, 'none') || char(10) || 'Review: ' || review_text
             from reviews where restaurant_id = ?1 order by id",
        )
        .bind(id)
        .bind(by)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("delete from restaurants where id = ?1")
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        record(&mut transaction, &deletion_entry(restaurant), by).await?;
    }
    transaction.commit().await?;
    Ok(Some(photos))
}

pub(super) async fn add_review(
    writer: &SqlitePool,
    restaurant: RestaurantId,
    new: &NewReview,
    photo: Option<&PhotoName>,
    submission: Option<&SubmissionId>,
    by: &str,
) -> sqlx::Result<Option<ReviewId>> {
    let mut transaction = writer.begin_with(BEGIN).await?;
    let submission = submission.map(SubmissionId::as_str);
    let known: Option<i64> = sqlx::query_scalar("select id from reviews where submission_id = ?1")
        .bind(submission)
        .fetch_optional(&mut *transaction)
        .await?;
    if let Some(id) = known {
        return Ok(Some(ReviewId(id)));
    }
    let inserted = sqlx::query(
        "insert into reviews (restaurant_id, user_name, rating, review_text, image_name, submission_id)
         values (?1, ?2, ?3, ?4, ?5, ?6)",
    )
    .bind(restaurant.0)
    .bind(&new.user_name)
    .bind(i64::from(new.rating.stars()))
    .bind(&new.review_text)
    .bind(photo.map(PhotoName::as_str))
    .bind(submission)
    .execute(&mut *transaction)
    .await;
    let id = match inserted {
        Ok(done) => done.last_insert_rowid(),
        Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => return Ok(None),
        Err(error) => return Err(error),
    };
    let entry = addition_entry(id, restaurant, new, photo);
    record(&mut transaction, &entry, by).await?;
    transaction.commit().await?;
    Ok(Some(ReviewId(id)))
}

pub(super) async fn change_review(
    writer: &SqlitePool,
    seen: Versioned,
    change: &ReviewChange,
    by: &str,
) -> sqlx::Result<Outcome> {
    let mut transaction = writer.begin_with(BEGIN).await?;
    let Some(before) = review(&mut transaction, seen.id).await? else {
        return Ok(Outcome::Missing);
    };
    let entry = review_entry(&before, change);
    // Also if the form is sent again: then the first one has changed the version.
    if entry.before == entry.after {
        return Ok(Outcome::Done);
    }
    if before.version != seen.version {
        return Ok(Outcome::Stale);
    }
    let new = &change.new;
    sqlx::query("update reviews set user_name = ?2, rating = ?3, review_text = ?4 where id = ?1")
        .bind(seen.id)
        .bind(&new.user_name)
        .bind(i64::from(new.rating.stars()))
        .bind(&new.review_text)
        .execute(&mut *transaction)
        .await?;
    let photo = match &change.photo {
        PhotoChange::Keep => None,
        PhotoChange::Remove => Some(None),
        PhotoChange::Replace(photo) => Some(Some(photo.as_str())),
    };
    if let Some(photo) = photo {
        sqlx::query("update reviews set image_name = ?2, photo_exposed = 0 where id = ?1")
            .bind(seen.id)
            .bind(photo)
            .execute(&mut *transaction)
            .await?;
    }
    record(&mut transaction, &entry, by).await?;
    transaction.commit().await?;
    Ok(Outcome::Done)
}

pub(super) async fn act_on_reviews(
    writer: &SqlitePool,
    seen: &[Versioned],
    action: ReviewAction,
    by: &str,
) -> sqlx::Result<Vec<StaffReview>> {
    let sql = match action {
        ReviewAction::Delete => "delete from reviews where id = ?1",
        ReviewAction::Hide => "update reviews set hidden = 1, photo_exposed = image_name is not null where id = ?1",
        ReviewAction::Show => "update reviews set hidden = 0, photo_exposed = 0 where id = ?1",
    };
    let mut transaction = writer.begin_with(BEGIN).await?;
    let mut done = Vec::new();
    for seen in seen {
        if let Ok(review) = found(&mut transaction, *seen).await? {
            sqlx::query(sql).bind(seen.id).execute(&mut *transaction).await?;
            record(&mut transaction, &action_entry(&review, action), by).await?;
            done.push(review);
        }
    }
    transaction.commit().await?;
    Ok(done)
}

pub(super) async fn take_back_review(writer: &SqlitePool, seen: Versioned, by: &str) -> sqlx::Result<Outcome> {
    let mut transaction = writer.begin_with(BEGIN).await?;
    let review = match found(&mut transaction, seen).await? {
        Ok(review) => review,
        Err(outcome) => return Ok(outcome),
    };
    for sql in [
        "delete from reviews where id = ?1",
        "update changes set text_before = null, text_after = null where review_id = ?1",
    ] {
        sqlx::query(sql).bind(seen.id).execute(&mut *transaction).await?;
    }
    let entry = Entry {
        done: Done::Deleted,
        restaurant: review.restaurant,
        review: Some(seen.id),
        before: None,
        after: None,
    };
    record(&mut transaction, &entry, by).await?;
    transaction.commit().await?;
    Ok(Outcome::Done)
}

async fn review(transaction: &mut SqliteConnection, id: i64) -> sqlx::Result<Option<StaffReview>> {
    let row: Option<StaffReviewRow> = sqlx::query_as(REVIEW).bind(id).fetch_optional(transaction).await?;
    row.map(StaffReviewRow::review).transpose()
}

/// The review, if it still has the version that was seen.
async fn found(transaction: &mut SqliteConnection, seen: Versioned) -> sqlx::Result<Result<StaffReview, Outcome>> {
    Ok(match review(transaction, seen.id).await? {
        None => Err(Outcome::Missing),
        Some(review) if review.version != seen.version => Err(Outcome::Stale),
        Some(review) => Ok(review),
    })
}

/// Adds an entry to the history.
async fn record(transaction: &mut SqliteConnection, entry: &Entry, by: &str) -> sqlx::Result<()> {
    sqlx::query(
        "insert into changes (changed_by, action, restaurant_id, review_id, text_before, text_after)
         values (?1, ?2, ?3, ?4, ?5, ?6)",
    )
    .bind(by)
    .bind(entry.done.as_str())
    .bind(entry.restaurant.0)
    .bind(entry.review)
    .bind(&entry.before)
    .bind(&entry.after)
    .execute(transaction)
    .await?;
    Ok(())
}
