//! What the staff sees.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::{Connection as _, PgConnection};

use super::PostgresStore;
use super::pool::READ_LIMIT;
use super::{staff_changes as changes, staff_list};
use crate::model::{
    ListPage, ListQuery, NewRestaurant, NewReview, Outcome, Recorded, RestaurantFilter, RestaurantId, ReviewAction,
    ReviewChange, ReviewId, ReviewOrder, SeenRestaurant, StaffCursor, StaffRestaurant, StaffReview, StaffReviewPage,
    StaffReviewQuery, Subject, SubmissionId, Versioned,
};
use crate::photos::PhotoName;
use crate::store::rows::list_page;
use crate::store::staff_rows::{ChangeRow, StaffRestaurantRow, StaffReviewRow, numbers, staff_review_page};
use crate::store::{StaffStore, StoreError};

#[async_trait]
impl StaffStore for PostgresStore {
    async fn staff_reviews(&self, query: &StaffReviewQuery) -> Result<StaffReviewPage, StoreError> {
        let rows = self.pool.read(async |connection| page(connection, query).await);
        Ok(staff_review_page(query, rows.await?)?)
    }

    async fn staff_reviews_by_id(&self, ids: &[i64]) -> Result<Vec<StaffReview>, StoreError> {
        let read = async |connection: &mut PgConnection| changes::reviews_by_id(connection, ids).await;
        self.pool.read(read).await
    }

    async fn staff_restaurants(&self, query: &ListQuery, filter: &RestaurantFilter) -> Result<ListPage, StoreError> {
        let read = async |connection: &mut PgConnection| staff_list::restaurants(connection, query, filter).await;
        let (rows, total) = self.pool.read(read).await?;
        Ok(list_page(query, rows, total)?)
    }

    async fn hidden_reviews(&self, of: &[RestaurantId]) -> Result<HashMap<RestaurantId, u64>, StoreError> {
        let ids: Vec<i64> = of.iter().map(|id| id.0).collect();
        let rows = self.pool.read(async |connection| {
            sqlx::query!(
                "select restaurant_id, count(*) as \"reviews!\" from reviews
                 where hidden and restaurant_id = any($1) group by restaurant_id",
                &ids
            )
            .fetch_all(connection)
            .await
        });
        let rows = rows.await?.into_iter().map(|row| (row.restaurant_id, row.reviews));
        Ok(numbers(rows.collect())?)
    }

    async fn staff_restaurants_by_id(&self, ids: &[RestaurantId]) -> Result<Vec<StaffRestaurant>, StoreError> {
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        let rows = self
            .pool
            .read(async |connection| changes::restaurants(connection, &ids).await);
        let restaurants = rows.await?.into_iter().map(StaffRestaurantRow::restaurant);
        Ok(restaurants.collect::<Result<_, _>>()?)
    }

    async fn review_of_writer(&self, key_hash: [u8; 32]) -> Result<Option<StaffReview>, StoreError> {
        let row = self.pool.read(async |connection| {
            sqlx::query_as!(
                StaffReviewRow,
                "select reviews.id, restaurant_id, restaurants.name as restaurant_name, user_name, rating, review_text,
                        review_date, image_name, hidden, reviews.version
                 from reviews join restaurants on restaurants.id = restaurant_id
                 where writer_key_hash = $1",
                key_hash.as_slice()
            )
            .fetch_optional(connection)
            .await
        });
        Ok(row.await?.map(StaffReviewRow::review).transpose()?)
    }

    async fn staff_add_restaurant(
        &self,
        new: &NewRestaurant,
        submission: Option<&SubmissionId>,
        by: &str,
    ) -> Result<RestaurantId, StoreError> {
        let add = async |connection: &mut PgConnection| changes::add_restaurant(connection, new, submission, by).await;
        self.pool.write(add).await
    }

    async fn staff_add_review(
        &self,
        restaurant: RestaurantId,
        new: &NewReview,
        photo: Option<&PhotoName>,
        submission: Option<&SubmissionId>,
        by: &str,
    ) -> Result<Option<ReviewId>, StoreError> {
        let add = async |connection: &mut PgConnection| {
            changes::add_review(connection, restaurant, new, photo, submission, by).await
        };
        self.pool.write(add).await
    }

    async fn change_restaurant(&self, seen: Versioned, new: &NewRestaurant, by: &str) -> Result<Outcome, StoreError> {
        let change = async |connection: &mut PgConnection| changes::change_restaurant(connection, seen, new, by).await;
        self.pool.write(change).await
    }

    async fn delete_restaurants(
        &self,
        seen: &[SeenRestaurant],
        by: &str,
    ) -> Result<Option<Vec<PhotoName>>, StoreError> {
        let delete = async |connection: &mut PgConnection| changes::delete_restaurants(connection, seen, by).await;
        self.pool.write(delete).await
    }

    async fn change_review(&self, seen: Versioned, change: &ReviewChange, by: &str) -> Result<Outcome, StoreError> {
        let change = async |connection: &mut PgConnection| changes::change_review(connection, seen, change, by).await;
        self.pool.write(change).await
    }

    async fn act_on_reviews(
        &self,
        seen: &[Versioned],
        action: ReviewAction,
        by: &str,
    ) -> Result<Vec<StaffReview>, StoreError> {
        let act = async |connection: &mut PgConnection| changes::act_on_reviews(connection, seen, action, by).await;
        self.pool.write(act).await
    }

    async fn take_back_review(&self, seen: Versioned, by: &str) -> Result<Outcome, StoreError> {
        let delete = async |connection: &mut PgConnection| changes::take_back_review(connection, seen, by).await;
        self.pool.write(delete).await
    }

    async fn rename_hidden_photo(&self, review: i64, from: &PhotoName, to: &PhotoName) -> Result<bool, StoreError> {
        let update = sqlx::query!(
            "update reviews set image_name = $3, photo_exposed = false where id = $1 and image_name = $2 and hidden",
            review,
            from.as_str(),
            to.as_str()
        );
        let done = self.pool.write(async |connection| update.execute(connection).await);
        Ok(done.await?.rows_affected() > 0)
    }

    async fn exposed_photos(&self) -> Result<Vec<(i64, PhotoName)>, StoreError> {
        let select = sqlx::query!(
            "select id, image_name as \"image_name!\" from reviews
             where hidden and photo_exposed and image_name is not null order by id limit 100"
        );
        let rows = self
            .pool
            .work(READ_LIMIT, async |connection| select.fetch_all(connection).await);
        let rows = rows.await?.into_iter();
        Ok(rows
            .filter_map(|row| Some((row.id, row.image_name.parse().ok()?)))
            .collect())
    }

    async fn history(&self, of: Subject, before: Option<i64>) -> Result<Vec<Recorded>, StoreError> {
        let rows = self.pool.work(READ_LIMIT, async |connection| {
            history(connection, of, before.unwrap_or(i64::MAX)).await
        });
        let recorded = rows.await?.into_iter().map(ChangeRow::recorded);
        Ok(recorded.collect::<Result<_, _>>()?)
    }
}

/// Reads one review more than a page has, which tells whether another page follows.
///
/// PostgreSQL plans each for its own values, and so leaves the filters that are not used out of the plan.
async fn page(connection: &mut PgConnection, query: &StaffReviewQuery) -> sqlx::Result<Vec<StaffReviewRow>> {
    let (order, cursor) = match query.from {
        Some((direction, cursor)) => (query.order.towards(direction), cursor),
        None => (query.order, StaffCursor::start(query.order)),
    };
    let mut transaction = connection.begin().await?;
    sqlx::query!("set local plan_cache_mode = force_custom_plan")
        .execute(&mut *transaction)
        .await?;
    /// Runs the query in a file from this position.
    macro_rules! rows {
        ($file:literal, $key:expr, $cursor:ident) => {{
            let filter = &query.filter;
            let words = filter.words();
            let words: Option<Vec<_>> = words.map(|words| words.iter().map(|word| regex(word)).collect());
            sqlx::query_file_as!(
                StaffReviewRow,
                $file,
                $key,
                $cursor.id,
                filter.restaurant.map(|id| id.0) as Option<i64>,
                filter.rating.map(|rating| i16::from(rating.stars())) as Option<i16>,
                filter.hidden as Option<bool>,
                filter.photo as Option<bool>,
                filter.since as Option<time::OffsetDateTime>,
                filter.until as Option<time::OffsetDateTime>,
                words.as_deref() as Option<&[String]>
            )
            .fetch_all(&mut *transaction)
            .await
        }};
    }
    let rows = match order {
        ReviewOrder::Newest => rows!("src/store/postgres/staff/newest.sql", cursor.date(), cursor),
        ReviewOrder::Oldest => rows!("src/store/postgres/staff/oldest.sql", cursor.date(), cursor),
        ReviewOrder::Highest => rows!("src/store/postgres/staff/highest.sql", cursor.stars(), cursor),
        ReviewOrder::Lowest => rows!("src/store/postgres/staff/lowest.sql", cursor.stars(), cursor),
    };
    let rows = rows?;
    transaction.commit().await?;
    Ok(rows)
}

/// A regular expression for texts that have this word.
fn regex(word: &[String]) -> String {
    let mut regex = String::new();
    for alike in word {
        if alike.chars().nth(1).is_some() {
            // Letters and apostrophes, none of which has a meaning of its own there.
            regex.extend(["[", alike, "]"]);
        } else {
            if alike.starts_with(|c: char| c.is_ascii_punctuation()) {
                regex.push('\\');
            }
            regex.push_str(alike);
        }
    }
    regex
}

async fn history(connection: &mut PgConnection, of: Subject, before: i64) -> sqlx::Result<Vec<ChangeRow>> {
    match of {
        Subject::All => {
            sqlx::query_as!(
                ChangeRow,
                "select * from changes where id < $1 order by id desc limit 51",
                before
            )
            .fetch_all(connection)
            .await
        }
        Subject::Restaurant(id) => {
            sqlx::query_as!(
                ChangeRow,
                "select * from changes where restaurant_id = $1 and id < $2 order by id desc limit 51",
                id.0,
                before
            )
            .fetch_all(connection)
            .await
        }
        Subject::Review(id) => {
            sqlx::query_as!(
                ChangeRow,
                "select * from changes where review_id = $1 and id < $2 order by id desc limit 51",
                id,
                before
            )
            .fetch_all(connection)
            .await
        }
    }
}
