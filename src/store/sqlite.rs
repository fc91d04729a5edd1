//! The embedded store: one SQLite file, in WAL mode, so that readers (other processes too) never wait
//! for the writer.

mod list;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, FromRow, Row, SqlitePool};
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

use super::{
    AddedReview, ImportedRestaurant, RESTAURANTS_PER_PAGE, REVIEWS_PER_PAGE, Store, StoreError, added_review,
    bad_value, one_page, review_page,
};
use crate::model::{
    Direction, ListPage, ListQuery, NewRestaurant, NewReview, Rating, RatingSummary, Restaurant, RestaurantId, Review,
    ReviewCursor, ReviewPage, SubmissionId,
};
use crate::photos::PhotoName;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a request waits for a connection, and a connection for a lock of another process.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connections that read at the same time.
const READERS: u32 = 4;

/// Restaurants and reviews in a SQLite file.
pub struct SqliteStore {
    path: String,
    readers: SqlitePool,
    // SQLite has one writer at a time: one connection makes writers queue in order instead of
    // polling for the lock.
    writer: SqlitePool,
}

impl SqliteStore {
    /// Opens the file, creating it if there is none, and applies the migrations it lacks.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit is on the disk when the person is told so.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .connect_with(options.clone())
            .await?;
        MIGRATIONS.run(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with(options.create_if_missing(false).read_only(true));
        Ok(Self {
            path: path.display().to_string(),
            readers,
            writer,
        })
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn describe(&self) -> String {
        format!("SQLite file {}", self.path)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let applied: Option<i64> = sqlx::query_scalar("select max(version) from _sqlx_migrations where success")
            .fetch_one(&self.readers)
            .await?;
        let wanted = MIGRATIONS.iter().map(|migration| migration.version).max();
        // A newer version is fine: another instance may already run the next release.
        if applied < wanted {
            return Err(StoreError::NotMigrated(format!(
                "version {applied:?} found, {wanted:?} needed"
            )));
        }
        Ok(())
    }

    /// Nothing is left to do: [`SqliteStore::open`] migrates, since a file that cannot be is no store.
    async fn prepare(&self) -> Result<(), StoreError> {
        self.ready().await
    }

    async fn list(&self, query: &ListQuery) -> Result<ListPage, StoreError> {
        let direction = query.from.as_ref().map(|(direction, _)| *direction);
        let cursor = query.from.as_ref().map(|(_, cursor)| cursor);
        let (text_key, number_key, count_key) = cursor.map(|cursor| cursor.key.values()).unwrap_or_default();
        let rows: Vec<list::Row> = sqlx::query_as(AssertSqlSafe(list::sql(query.sort, direction, &query.search)))
            .bind(cursor.map(|cursor| cursor.as_of.newest))
            .bind(i64::try_from(RESTAURANTS_PER_PAGE + 1).expect("small"))
            .bind(list::match_expression(&query.search))
            .bind(cursor.map(|cursor| cursor.id))
            .bind(text_key)
            .bind(number_key)
            .bind(count_key)
            .fetch_all(&self.readers)
            .await?;
        let (rows, has_before, has_after) = one_page(rows, direction, RESTAURANTS_PER_PAGE);
        Ok(ListPage {
            before: rows.first().filter(|_| has_before).map(|row| row.cursor(query.sort)),
            after: rows.last().filter(|_| has_after).map(|row| row.cursor(query.sort)),
            restaurants: rows.into_iter().map(|row| row.restaurant).collect(),
        })
    }

    async fn details(
        &self,
        id: RestaurantId,
        from: Option<(Direction, ReviewCursor)>,
    ) -> Result<Option<(Restaurant, ReviewPage)>, StoreError> {
        // One snapshot for both: the numbers on a page agree with its reviews.
        let mut snapshot = self.readers.begin().await?;
        let restaurant: Option<Restaurant> = sqlx::query_as(
            "select id, name, street_address, description, rating_sum, review_count,
                    rating_1, rating_2, rating_3, rating_4, rating_5
             from restaurants where id = ?1",
        )
        .bind(id.0)
        .fetch_optional(&mut *snapshot)
        .await?;
        let Some(restaurant) = restaurant else { return Ok(None) };

        let direction = from.map(|(direction, _)| direction);
        let sql = match direction {
            None => {
                "select id, user_name, rating, review_text, review_date, image_name from reviews
                 where restaurant_id = ?1 order by review_date desc, id desc limit ?2"
            }
            Some(Direction::After) => {
                "select id, user_name, rating, review_text, review_date, image_name from reviews
                 where restaurant_id = ?1 and (review_date, id) < (?3, ?4)
                 order by review_date desc, id desc limit ?2"
            }
            Some(Direction::Before) => {
                "select id, user_name, rating, review_text, review_date, image_name from reviews
                 where restaurant_id = ?1 and (review_date, id) > (?3, ?4)
                 order by review_date, id limit ?2"
            }
        };
        let rows: Vec<Review> = sqlx::query_as(sql)
            .bind(id.0)
            .bind(i64::try_from(REVIEWS_PER_PAGE + 1).expect("small"))
            .bind(from.map(|(_, cursor)| date_text(cursor.date())))
            .bind(from.map(|(_, cursor)| cursor.id))
            .fetch_all(&mut *snapshot)
            .await?;
        Ok(Some((restaurant, review_page(rows, direction))))
    }

    async fn add_restaurant(
        &self,
        new: &NewRestaurant,
        submission: Option<&SubmissionId>,
    ) -> Result<RestaurantId, StoreError> {
        // The update that changes nothing makes RETURNING give the row that is already there.
        let id = sqlx::query_scalar(
            "insert into restaurants (name, street_address, description, submission_id) values (?1, ?2, ?3, ?4)
             on conflict (submission_id) do update set submission_id = excluded.submission_id
             returning id",
        )
        .bind(&new.name)
        .bind(&new.street_address)
        .bind(&new.description)
        .bind(submission.map(SubmissionId::as_str))
        .fetch_one(&self.writer)
        .await?;
        Ok(RestaurantId(id))
    }

    async fn add_review(
        &self,
        restaurant: RestaurantId,
        new: &NewReview,
        photo: Option<&PhotoName>,
        submission: Option<&SubmissionId>,
    ) -> Result<AddedReview, StoreError> {
        let result = sqlx::query(
            "insert into reviews (restaurant_id, user_name, rating, review_text, image_name, submission_id)
             values (?1, ?2, ?3, ?4, ?5, ?6)
             on conflict (submission_id) do nothing",
        )
        .bind(restaurant.0)
        .bind(&new.user_name)
        .bind(i64::from(new.rating.stars()))
        .bind(&new.review_text)
        .bind(photo.map(PhotoName::as_str))
        .bind(submission.map(SubmissionId::as_str))
        .execute(&self.writer)
        .await;
        added_review(result.map(|done| done.rows_affected()))
    }

    async fn announce_photo(&self, photo: &PhotoName) -> Result<(), StoreError> {
        sqlx::query("insert into unclaimed_photos (name) values (?1)")
            .bind(photo.as_str())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn is_unclaimed(&self, photo: &PhotoName) -> Result<bool, StoreError> {
        let unclaimed = sqlx::query_scalar("select exists (select 1 from unclaimed_photos where name = ?1)")
            .bind(photo.as_str())
            .fetch_one(&self.readers)
            .await?;
        Ok(unclaimed)
    }

    async fn unclaimed_photos(&self, for_at_least: Duration) -> Result<Vec<PhotoName>, StoreError> {
        let names: Vec<String> =
            sqlx::query_scalar("select name from unclaimed_photos where since <= ?1 order by since limit 100")
                .bind(date_text(OffsetDateTime::now_utc() - for_at_least))
                .fetch_all(&self.readers)
                .await?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    async fn forget_photo(&self, photo: &PhotoName) -> Result<(), StoreError> {
        sqlx::query("delete from unclaimed_photos where name = ?1")
            .bind(photo.as_str())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn import(&self, restaurants: &[ImportedRestaurant]) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        for imported in restaurants {
            let new = &imported.restaurant;
            let id: i64 = sqlx::query_scalar(
                "insert into restaurants (name, street_address, description, created_at)
                 values (?1, ?2, ?3, ?4) returning id",
            )
            .bind(&new.name)
            .bind(&new.street_address)
            .bind(&new.description)
            .bind(date_text(imported.created_at))
            .fetch_one(&mut *transaction)
            .await?;
            for (review, date, photo) in &imported.reviews {
                sqlx::query(
                    "insert into reviews (restaurant_id, user_name, rating, review_text, review_date, image_name)
                     values (?1, ?2, ?3, ?4, ?5, ?6)",
                )
                .bind(id)
                .bind(&review.user_name)
                .bind(i64::from(review.rating.stars()))
                .bind(&review.review_text)
                .bind(date_text(*date))
                .bind(photo.as_ref().map(PhotoName::as_str))
                .execute(&mut *transaction)
                .await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// A time as the tables have it.
fn date_text(date: OffsetDateTime) -> String {
    let format = format_description!(
        version = 2,
        "[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:3]"
    );
    date.to_offset(UtcOffset::UTC)
        .format(format)
        .expect("every date can be written")
}

impl FromRow<'_, SqliteRow> for Restaurant {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: RestaurantId(row.try_get("id")?),
            name: row.try_get("name")?,
            street_address: row.try_get("street_address")?,
            description: row.try_get("description")?,
            rating: rating_summary(row)?,
            distribution: [
                count(row, "rating_1")?,
                count(row, "rating_2")?,
                count(row, "rating_3")?,
                count(row, "rating_4")?,
                count(row, "rating_5")?,
            ],
        })
    }
}

impl FromRow<'_, SqliteRow> for Review {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        let rating: i64 = row.try_get("rating")?;
        let date: PrimitiveDateTime = row.try_get("review_date")?;
        Ok(Self {
            id: row.try_get("id")?,
            user_name: row.try_get("user_name")?,
            rating: Rating::new(rating).ok_or_else(|| bad_value("rating", &rating.to_string()))?,
            review_text: row.try_get("review_text")?,
            review_date: date.assume_utc(),
            photo: photo(row, "image_name")?,
        })
    }
}

fn rating_summary(row: &SqliteRow) -> sqlx::Result<RatingSummary> {
    Ok(RatingSummary {
        sum: count(row, "rating_sum")?,
        count: count(row, "review_count")?,
    })
}

fn count(row: &SqliteRow, column: &str) -> sqlx::Result<u64> {
    let value: i64 = row.try_get(column)?;
    u64::try_from(value).map_err(|_| bad_value(column, &value.to_string()))
}

/// A photo's name; one that this site did not make (a row by plain SQL) shows no photo.
fn photo(row: &SqliteRow, column: &str) -> sqlx::Result<Option<PhotoName>> {
    let name: Option<String> = row.try_get(column)?;
    Ok(name.and_then(|name| name.parse().ok()))
}
