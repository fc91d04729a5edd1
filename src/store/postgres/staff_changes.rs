//! What the staff and writers change, each in one transaction with its entry in the history.
//!
//! Rows are locked in the same order everywhere: restaurants before reviews, each by their ids. The triggers lock
//! restaurants, and the deletion of a restaurant locks its reviews, so transactions never wait for each other.

use sqlx::{Connection as _, PgConnection, Postgres, Transaction};

use super::search;
use crate::model::{
    Done, Entry, FOLDING, NewRestaurant, NewReview, Outcome, PhotoChange, RestaurantId, ReviewAction, ReviewChange,
    ReviewId, SearchText, SeenRestaurant, StaffReview, SubmissionId, Versioned, sort_key,
};
use crate::photos::PhotoName;
use crate::store::staff_rows::{
    StaffRestaurantRow, StaffReviewRow, action_entry, addition_entry, are_as_seen, deletion_entry, restaurant_entry,
    review_entry, reviews,
};

/// Those of these restaurants that exist, with the numbers that tell whether they or their reviews have changed.
pub(super) async fn restaurants(connection: &mut PgConnection, ids: &[i64]) -> sqlx::Result<Vec<StaffRestaurantRow>> {
    sqlx::query_as!(
        StaffRestaurantRow,
        "select restaurants.id, name, street_address, description, restaurants.version,
                count(reviews.id) as \"reviews!\", count(image_name) as \"photos!\",
                coalesce(max(reviews.id), 0) as \"last_review!\",
                coalesce(sum(reviews.version), 0)::bigint as \"review_versions!\",
                (select coalesce(max(id), 0) from changes where restaurant_id = restaurants.id) as \"last_change!\"
         from restaurants left join reviews on restaurant_id = restaurants.id
         where restaurants.id = any($1) group by restaurants.id order by restaurants.id",
        ids
    )
    .fetch_all(connection)
    .await
}

pub(super) async fn add_restaurant(
    connection: &mut PgConnection,
    new: &NewRestaurant,
    submission: Option<&SubmissionId>,
    by: &str,
) -> sqlx::Result<RestaurantId> {
    let mut transaction = connection.begin().await?;
    let submission = submission.map(SubmissionId::as_str);
    let added = sqlx::query_scalar!(
        "insert into restaurants (name, street_address, description, submission_id, name_folded, search_words, folding)
         values ($1, $2, $3, $4, $5, $6::text::tsvector, $7)
         on conflict (submission_id) do nothing returning id",
        new.name,
        new.street_address,
        new.description,
        submission,
        sort_key(&new.name),
        search::vector(&SearchText::of(new)),
        FOLDING
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let id = match added {
        Some(id) => {
            let entry = restaurant_entry(RestaurantId(id), None, new);
            record(&mut transaction, &[entry], by).await?;
            id
        }
        None => {
            sqlx::query_scalar!("select id from restaurants where submission_id = $1", submission)
                .fetch_one(&mut *transaction)
                .await?
        }
    };
    transaction.commit().await?;
    Ok(RestaurantId(id))
}

pub(super) async fn change_restaurant(
    connection: &mut PgConnection,
    seen: Versioned,
    new: &NewRestaurant,
    by: &str,
) -> sqlx::Result<Outcome> {
    let mut transaction = connection.begin().await?;
    let row = sqlx::query!(
        "select name, street_address, description, version from restaurants where id = $1 for no key update",
        seen.id
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(row) = row else {
        return unchanged(transaction, Outcome::Missing).await;
    };
    let before = NewRestaurant {
        name: row.name,
        street_address: row.street_address,
        description: row.description,
    };
    // Also if the form is sent again: then the first one has changed the version.
    if before == *new {
        return unchanged(transaction, Outcome::Done).await;
    }
    if row.version != seen.version {
        return unchanged(transaction, Outcome::Stale).await;
    }
    sqlx::query!(
        "update restaurants set name = $2, street_address = $3, description = $4 where id = $1",
        seen.id,
        new.name,
        new.street_address,
        new.description
    )
    .execute(&mut *transaction)
    .await?;
    // A trigger has folded the texts roughly.
    sqlx::query!(
        "update restaurants set name_folded = $2, search_words = $3::text::tsvector, folding = $4 where id = $1",
        seen.id,
        sort_key(&new.name),
        search::vector(&SearchText::of(new)),
        FOLDING
    )
    .execute(&mut *transaction)
    .await?;
    let entry = restaurant_entry(RestaurantId(seen.id), Some(&before), new);
    record(&mut transaction, &[entry], by).await?;
    transaction.commit().await?;
    Ok(Outcome::Done)
}

pub(super) async fn delete_restaurants(
    connection: &mut PgConnection,
    seen: &[SeenRestaurant],
    by: &str,
) -> sqlx::Result<Option<Vec<PhotoName>>> {
    let ids: Vec<i64> = seen.iter().map(|seen| seen.id.0).collect();
    let mut transaction = connection.begin().await?;
    // From here on, no review can be added to them.
    sqlx::query_scalar!(
        "select id from restaurants where id = any($1) order by id for update",
        &ids
    )
    .fetch_all(&mut *transaction)
    .await?;
    let photos = sqlx::query_scalar!(
        "select image_name from reviews where restaurant_id = any($1) order by id for update",
        &ids
    )
    .fetch_all(&mut *transaction)
    .await?;
    let found = restaurants(&mut transaction, &ids).await?.into_iter();
    let found: Vec<_> = found.map(StaffRestaurantRow::restaurant).collect::<Result<_, _>>()?;
    if !are_as_seen(&found, seen) {
        return unchanged(transaction, None).await;
    }
    // Each review gets the entry of `action_entry`.
    sqlx::query!(
        "insert into changes (changed_by, action, restaurant_id, review_id, text_before)
         select $2, 'deleted', restaurant_id, id,
                format(E'Name: %s\\nRating: %s\\nPhoto: %s\\nReview: %s',
                       user_name, rating, coalesce(image_name, 'none'), review_text)
         from reviews where restaurant_id = any($1) order by restaurant_id, id",
        &ids,
        by
    )
    .execute(&mut *transaction)
    .await?;
    let entries: Vec<_> = found.iter().map(deletion_entry).collect();
    sqlx::query!("delete from restaurants where id = any($1)", &ids)
        .execute(&mut *transaction)
        .await?;
    record(&mut transaction, &entries, by).await?;
    transaction.commit().await?;
    let photos = photos.iter().flatten().filter_map(|name| name.parse().ok());
    Ok(Some(photos.collect()))
}

pub(super) async fn add_review(
    connection: &mut PgConnection,
    restaurant: RestaurantId,
    new: &NewReview,
    photo: Option<&PhotoName>,
    submission: Option<&SubmissionId>,
    by: &str,
) -> sqlx::Result<Option<ReviewId>> {
    let mut transaction = connection.begin().await?;
    let submission = submission.map(SubmissionId::as_str);
    let added = sqlx::query_scalar!(
        "insert into reviews (restaurant_id, user_name, rating, review_text, image_name, submission_id)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (submission_id) do nothing returning id",
        restaurant.0,
        new.user_name,
        i16::from(new.rating.stars()),
        new.review_text,
        photo.map(PhotoName::as_str),
        submission
    )
    .fetch_optional(&mut *transaction)
    .await;
    let id = match added {
        Ok(Some(id)) => {
            let entry = addition_entry(id, restaurant, new, photo);
            record(&mut transaction, &[entry], by).await?;
            id
        }
        Ok(None) => {
            sqlx::query_scalar!("select id from reviews where submission_id = $1", submission)
                .fetch_one(&mut *transaction)
                .await?
        }
        Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
            return unchanged(transaction, None).await;
        }
        Err(error) => return Err(error),
    };
    transaction.commit().await?;
    Ok(Some(ReviewId(id)))
}

pub(super) async fn change_review(
    connection: &mut PgConnection,
    seen: Versioned,
    change: &ReviewChange,
    by: &str,
) -> sqlx::Result<Outcome> {
    let mut transaction = connection.begin().await?;
    let Some(before) = locked(&mut transaction, &[seen]).await?.pop() else {
        // If the form is sent again, the first one has changed the version.
        let now = reviews_by_id(&mut transaction, &[seen.id]).await?.pop();
        let outcome = match now.map(|review| review_entry(&review, change)) {
            None => Outcome::Missing,
            Some(entry) if entry.before == entry.after => Outcome::Done,
            Some(_) => Outcome::Stale,
        };
        return unchanged(transaction, outcome).await;
    };
    let entry = review_entry(&before, change);
    if entry.before == entry.after {
        return unchanged(transaction, Outcome::Done).await;
    }
    let new = &change.new;
    sqlx::query!(
        "update reviews set user_name = $2, rating = $3, review_text = $4 where id = $1",
        seen.id,
        new.user_name,
        i16::from(new.rating.stars()),
        new.review_text
    )
    .execute(&mut *transaction)
    .await?;
    let photo = match &change.photo {
        PhotoChange::Keep => None,
        PhotoChange::Remove => Some(None),
        PhotoChange::Replace(photo) => Some(Some(photo.as_str())),
    };
    if let Some(photo) = photo {
        sqlx::query!(
            "update reviews set image_name = $2, photo_exposed = false where id = $1",
            seen.id,
            photo
        )
        .execute(&mut *transaction)
        .await?;
    }
    record(&mut transaction, &[entry], by).await?;
    transaction.commit().await?;
    Ok(Outcome::Done)
}

pub(super) async fn act_on_reviews(
    connection: &mut PgConnection,
    seen: &[Versioned],
    action: ReviewAction,
    by: &str,
) -> sqlx::Result<Vec<StaffReview>> {
    let mut transaction = connection.begin().await?;
    let found = locked(&mut transaction, seen).await?;
    let ids: Vec<i64> = found.iter().map(|review| review.review.id).collect();
    let entries: Vec<_> = found.iter().map(|review| action_entry(review, action)).collect();
    let done = match action {
        ReviewAction::Delete => sqlx::query!("delete from reviews where id = any($1)", &ids),
        ReviewAction::Hide => sqlx::query!(
            "update reviews set hidden = true, photo_exposed = image_name is not null where id = any($1)",
            &ids
        ),
        ReviewAction::Show => sqlx::query!(
            "update reviews set hidden = false, photo_exposed = false where id = any($1)",
            &ids
        ),
    };
    done.execute(&mut *transaction).await?;
    record(&mut transaction, &entries, by).await?;
    transaction.commit().await?;
    Ok(found)
}

pub(super) async fn take_back_review(
    connection: &mut PgConnection,
    seen: Versioned,
    by: &str,
) -> sqlx::Result<Outcome> {
    let mut transaction = connection.begin().await?;
    let Some(review) = locked(&mut transaction, &[seen]).await?.pop() else {
        let is_there = !reviews_by_id(&mut transaction, &[seen.id]).await?.is_empty();
        let outcome = if is_there { Outcome::Stale } else { Outcome::Missing };
        return unchanged(transaction, outcome).await;
    };
    sqlx::query!("delete from reviews where id = $1", seen.id)
        .execute(&mut *transaction)
        .await?;
    sqlx::query!(
        "update changes set text_before = null, text_after = null where review_id = $1",
        seen.id
    )
    .execute(&mut *transaction)
    .await?;
    let entry = Entry {
        done: Done::Deleted,
        restaurant: review.restaurant,
        review: Some(seen.id),
        before: None,
        after: None,
    };
    record(&mut transaction, &[entry], by).await?;
    transaction.commit().await?;
    Ok(Outcome::Done)
}

/// Those of these reviews that exist.
pub(super) async fn reviews_by_id(connection: &mut PgConnection, ids: &[i64]) -> sqlx::Result<Vec<StaffReview>> {
    let rows = sqlx::query_as!(
        StaffReviewRow,
        "select reviews.id, restaurant_id, restaurants.name as restaurant_name, user_name, rating, review_text,
                review_date, image_name, hidden, reviews.version
         from reviews join restaurants on restaurants.id = restaurant_id
         where reviews.id = any($1) order by reviews.id",
        ids
    )
    .fetch_all(connection)
    .await?;
    reviews(rows)
}

/// Locks those of these reviews that still have the version that was seen, and their restaurants.
async fn locked(transaction: &mut PgConnection, seen: &[Versioned]) -> sqlx::Result<Vec<StaffReview>> {
    let (ids, versions) = columns(seen);
    sqlx::query_scalar!(
        "select id from restaurants where id in (select restaurant_id from reviews where id = any($1))
         order by id for no key update",
        &ids
    )
    .fetch_all(&mut *transaction)
    .await?;
    let rows = sqlx::query_as!(
        StaffReviewRow,
        "select reviews.id, restaurant_id, restaurants.name as restaurant_name, user_name, rating, review_text,
                review_date, image_name, hidden, reviews.version
         from reviews
         join restaurants on restaurants.id = restaurant_id
         join unnest($1::bigint[], $2::bigint[]) seen (id, version)
             on seen.id = reviews.id and seen.version = reviews.version
         order by reviews.id for update of reviews",
        &ids,
        &versions
    )
    .fetch_all(transaction)
    .await?;
    reviews(rows)
}

/// Ends a transaction that has changed nothing. Without this, its locks would remain until the connection is next used.
async fn unchanged<T>(transaction: Transaction<'_, Postgres>, outcome: T) -> sqlx::Result<T> {
    transaction.rollback().await?;
    Ok(outcome)
}

fn columns(seen: &[Versioned]) -> (Vec<i64>, Vec<i64>) {
    seen.iter().map(|row| (row.id, row.version)).unzip()
}

/// Adds entries to the history.
async fn record(transaction: &mut PgConnection, entries: &[Entry], by: &str) -> sqlx::Result<()> {
    let actions: Vec<_> = entries.iter().map(|entry| entry.done.as_str()).collect();
    let restaurants: Vec<_> = entries.iter().map(|entry| entry.restaurant.0).collect();
    let reviews: Vec<_> = entries.iter().map(|entry| entry.review).collect();
    let before: Vec<_> = entries.iter().map(|entry| entry.before.as_deref()).collect();
    let after: Vec<_> = entries.iter().map(|entry| entry.after.as_deref()).collect();
    sqlx::query!(
        "insert into changes (changed_by, action, restaurant_id, review_id, text_before, text_after)
         select $1, * from unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[])",
        by,
        &actions as &[&str],
        &restaurants,
        &reviews as &[Option<i64>],
        &before as &[Option<&str>],
        &after as &[Option<&str>]
    )
    .execute(transaction)
    .await?;
    Ok(())
}
