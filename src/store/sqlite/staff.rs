//! What the staff sees.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::Sqlite;
use sqlx::query::QueryAs;
use sqlx::sqlite::SqliteArguments;

use super::staff_changes::{self as changes, RESTAURANT, REVIEW};
use super::{SqliteStore, date_text, search};
use crate::model::{
    Direction, ListPage, ListQuery, NewRestaurant, NewReview, Outcome, Recorded, RestaurantFilter, RestaurantId,
    ReviewAction, ReviewChange, ReviewId, ReviewOrder, SeenRestaurant, StaffCursor, StaffRestaurant, StaffReview,
    StaffReviewPage, StaffReviewQuery, Subject, SubmissionId, Versioned,
};
use crate::photos::PhotoName;
use crate::store::rows::list_page;
use crate::store::staff_rows::{
    ChangeRow, RestaurantPosition, StaffRestaurantRow, StaffReviewRow, numbers, staff_review_page,
};
use crate::store::{StaffStore, StoreError};

#[async_trait]
impl StaffStore for SqliteStore {
    async fn staff_reviews(&self, query: &StaffReviewQuery) -> Result<StaffReviewPage, StoreError> {
        let _place = self.reading.join()?;
        let (order, cursor) = match query.from {
            Some((direction, cursor)) => (query.order.towards(direction), cursor),
            None => (query.order, StaffCursor::start(query.order)),
        };
        let select = match order {
            ReviewOrder::Newest => sqlx::query_as(include_str!("staff/newest.sql")).bind(date_text(cursor.date())),
            ReviewOrder::Oldest => sqlx::query_as(include_str!("staff/oldest.sql")).bind(date_text(cursor.date())),
            ReviewOrder::Highest => sqlx::query_as(include_str!("staff/highest.sql")).bind(cursor.stars()),
            ReviewOrder::Lowest => sqlx::query_as(include_str!("staff/lowest.sql")).bind(cursor.stars()),
        };
        let rows = filtered(select, cursor, query).fetch_all(&self.readers).await?;
        Ok(staff_review_page(query, rows)?)
    }

    async fn staff_reviews_by_id(&self, ids: &[i64]) -> Result<Vec<StaffReview>, StoreError> {
        let _place = self.reading.join()?;
        let mut reviews = Vec::new();
        for id in sorted(ids) {
            let row: Option<StaffReviewRow> = sqlx::query_as(REVIEW).bind(id).fetch_optional(&self.readers).await?;
            reviews.extend(row.map(StaffReviewRow::review).transpose()?);
        }
        Ok(reviews)
    }

    async fn staff_restaurants(&self, query: &ListQuery, filter: &RestaurantFilter) -> Result<ListPage, StoreError> {
        let _place = self.reading.join()?;
        let position = RestaurantPosition::of(query);
        let words = search::match_expression(&query.search);
        let average = filter.average.map(i64::from);
        let total = sqlx::query_scalar(include_str!("staff/restaurants_count.sql"))
            .bind(&words)
            .bind(average)
            .bind(filter.photo)
            .bind(filter.hidden)
            .fetch_one(&self.readers)
            .await?;
        let sql = match position.direction {
            Direction::After => include_str!("staff/restaurants_after.sql"),
            Direction::Before => include_str!("staff/restaurants_before.sql"),
        };
        let rows = sqlx::query_as(sql)
            .bind(words)
            .bind(average)
            .bind(filter.photo)
            .bind(filter.hidden)
            .bind(query.sort.as_str())
            .bind(position.name)
            .bind(position.rating)
            .bind(position.count)
            .bind(position.id)
            .fetch_all(&self.readers)
            .await?;
        Ok(list_page(query, rows, total)?)
    }

    async fn hidden_reviews(&self, of: &[RestaurantId]) -> Result<HashMap<RestaurantId, u64>, StoreError> {
        let _place = self.reading.join()?;
        let ids: Vec<i64> = of.iter().map(|id| id.0).collect();
        let rows = sqlx::query_as(
            "select restaurant_id, count(*) from reviews
             where hidden = 1 and restaurant_id in (select value from json_each(?1)) group by restaurant_id",
        )
        .bind(serde_json::json!(ids).to_string())
        .fetch_all(&self.readers)
        .await?;
        Ok(numbers(rows)?)
    }

    async fn staff_restaurants_by_id(&self, ids: &[RestaurantId]) -> Result<Vec<StaffRestaurant>, StoreError> {
        let _place = self.reading.join()?;
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        let mut restaurants = Vec::new();
        for id in sorted(&ids) {
            let row: Option<StaffRestaurantRow> = sqlx::query_as(RESTAURANT)
                .bind(id)
                .fetch_optional(&self.readers)
                .await?;
            restaurants.extend(row.map(StaffRestaurantRow::restaurant).transpose()?);
        }
        Ok(restaurants)
    }

    async fn review_of_writer(&self, key_hash: [u8; 32]) -> Result<Option<StaffReview>, StoreError> {
        let _place = self.reading.join()?;
        let id: Option<i64> = sqlx::query_scalar("select id from reviews where writer_key_hash = ?1")
            .bind(key_hash.to_vec())
            .fetch_optional(&self.readers)
            .await?;
        match id {
            Some(id) => {
                let row: Option<StaffReviewRow> = sqlx::query_as(REVIEW).bind(id).fetch_optional(&self.readers).await?;
                Ok(row.map(StaffReviewRow::review).transpose()?)
            }
            None => Ok(None),
        }
    }

    async fn staff_add_restaurant(
        &self,
        new: &NewRestaurant,
        submission: Option<&SubmissionId>,
        by: &str,
    ) -> Result<RestaurantId, StoreError> {
        let _place = self.writing.join()?;
        Ok(changes::add_restaurant(&self.writer, new, submission, by).await?)
    }

    async fn staff_add_review(
        &self,
        restaurant: RestaurantId,
        new: &NewReview,
        photo: Option<&PhotoName>,
        submission: Option<&SubmissionId>,
        by: &str,
    ) -> Result<Option<ReviewId>, StoreError> {
        let _place = self.writing.join()?;
        Ok(changes::add_review(&self.writer, restaurant, new, photo, submission, by).await?)
    }

    async fn change_restaurant(&self, seen: Versioned, new: &NewRestaurant, by: &str) -> Result<Outcome, StoreError> {
        let _place = self.writing.join()?;
        Ok(changes::change_restaurant(&self.writer, seen, new, by).await?)
    }

    async fn delete_restaurants(
        &self,
        seen: &[SeenRestaurant],
        by: &str,
    ) -> Result<Option<Vec<PhotoName>>, StoreError> {
        let _place = self.writing.join()?;
        Ok(changes::delete_restaurants(&self.writer, seen, by).await?)
    }

    async fn change_review(&self, seen: Versioned, change: &ReviewChange, by: &str) -> Result<Outcome, StoreError> {
        let _place = self.writing.join()?;
        Ok(changes::change_review(&self.writer, seen, change, by).await?)
    }

    async fn act_on_reviews(
        &self,
        seen: &[Versioned],
        action: ReviewAction,
        by: &str,
    ) -> Result<Vec<StaffReview>, StoreError> {
        let _place = self.writing.join()?;
        Ok(changes::act_on_reviews(&self.writer, seen, action, by).await?)
    }

    async fn take_back_review(&self, seen: Versioned, by: &str) -> Result<Outcome, StoreError> {
        let _place = self.writing.join()?;
        Ok(changes::take_back_review(&self.writer, seen, by).await?)
    }

    async fn rename_hidden_photo(&self, review: i64, from: &PhotoName, to: &PhotoName) -> Result<bool, StoreError> {
        let _place = self.writing.join()?;
        let done = sqlx::query(
            "update reviews set image_name = ?3, photo_exposed = 0 where id = ?1 and image_name = ?2 and hidden = 1",
        )
        .bind(review)
        .bind(from.as_str())
        .bind(to.as_str())
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    async fn exposed_photos(&self) -> Result<Vec<(i64, PhotoName)>, StoreError> {
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "select id, image_name from reviews where hidden = 1 and photo_exposed = 1 and image_name is not null
             order by id limit 100",
        )
        .fetch_all(&self.readers)
        .await?;
        Ok(rows
            .into_iter()
            .filter_map(|(id, name)| Some((id, name.parse().ok()?)))
            .collect())
    }

    async fn history(&self, of: Subject, before: Option<i64>) -> Result<Vec<Recorded>, StoreError> {
        let _place = self.reading.join()?;
        let (sql, id) = match of {
            Subject::All => ("select * from changes where id < ?1 order by id desc limit 51", 0),
            Subject::Restaurant(id) => (
                "select * from changes where restaurant_id = ?2 and id < ?1 order by id desc limit 51",
                id.0,
            ),
            Subject::Review(id) => (
                "select * from changes where review_id = ?2 and id < ?1 order by id desc limit 51",
                id,
            ),
        };
        let mut select = sqlx::query_as(sql).bind(before.unwrap_or(i64::MAX));
        if of != Subject::All {
            select = select.bind(id);
        }
        let rows: Vec<ChangeRow> = select.fetch_all(&self.readers).await?;
        Ok(rows.into_iter().map(ChangeRow::recorded).collect::<Result<_, _>>()?)
    }
}

type Select<'q> = QueryAs<'q, Sqlite, StaffReviewRow, SqliteArguments>;

/// The query with the parameters that follow the cursor's key.
fn filtered<'q>(select: Select<'q>, cursor: StaffCursor, query: &StaffReviewQuery) -> Select<'q> {
    let filter = &query.filter;
    select
        .bind(cursor.id)
        .bind(filter.restaurant.map(|id| id.0))
        .bind(filter.rating.map(|rating| i64::from(rating.stars())))
        .bind(filter.hidden)
        .bind(filter.photo)
        .bind(filter.since.map(date_text))
        .bind(filter.until.map(date_text))
        .bind(filter.words().map(|words| {
            let patterns: Vec<_> = words.iter().map(|word| glob(word)).collect();
            serde_json::json!(patterns).to_string()
        }))
}

/// A pattern of `glob` for texts that have this word.
fn glob(word: &[String]) -> String {
    let mut pattern = String::from("*");
    for alike in word {
        if alike.chars().nth(1).is_some() || ["*", "?", "["].contains(&alike.as_str()) {
            pattern.extend(["[", alike, "]"]);
        } else {
            pattern.push_str(alike);
        }
    }
    pattern + "*"
}

fn sorted(ids: &[i64]) -> Vec<i64> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
}
