//! The embedded store: one SQLite file in WAL mode, so that readers, in this process and in others, never wait for the
//! writer.

mod checkpoint;
mod details;
mod list;
mod opening;
mod search;
mod staff;
mod staff_changes;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::migrate::Migrator;
use sqlx::query::QueryScalar;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Executor, Sqlite, SqlitePool};
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};
use tokio_util::task::AbortOnDropHandle;

use super::line::Line;
use super::rows::{PhotoRow, RestaurantRow, list_page, review_page};
use super::{AddedReview, ImportedRestaurant, Store, StoreError, added_review};
use crate::disk;
use crate::model::{
    Capability, Direction, FOLDING, ListCursor, ListPage, ListQuery, NewRestaurant, NewReview, Rating, Restaurant,
    RestaurantId, ReviewPage, ReviewPhoto, ReviewQuery, SearchText, SubmissionId, sort_key,
};
use crate::photos::PhotoName;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a request waits for a connection, and how long a connection waits for a lock that another process holds.
const WAIT_LIMIT: Duration = Duration::from_secs(5);

/// Connections that read at the same time.
const READERS: u8 = 4;
/// The size to which the write-ahead log shrinks, in bytes, once its pages are in the file. SQLite copies them there after
/// each 1,000 pages of 4 KiB.
const LOG_BYTES: &str = "8388608";

/// Restaurants and reviews in an SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    reading: Line,
    readers: SqlitePool,
    writing: Line,
    // SQLite has one writer at a time. With one connection, writers queue in order instead of polling for the lock.
    writer: SqlitePool,
    _checkpoints: AbortOnDropHandle<()>,
}

impl SqliteStore {
    /// Opens the file, creating it if it does not exist, and applies the migrations that it lacks. Waits for other
    /// processes that do the same.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit is on the disk before the visitor is told about it.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("journal_size_limit", LOG_BYTES)
            .busy_timeout(WAIT_LIMIT);
        let checkpoints = checkpoint::run(path.to_owned(), options.clone());
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(WAIT_LIMIT)
            .connect_lazy_with(options.clone());
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS.into())
            .acquire_timeout(WAIT_LIMIT)
            .connect_lazy_with(options.create_if_missing(false).read_only(true));
        let store = Self {
            path: path.to_owned(),
            reading: Line::before(READERS.into(), "read"),
            readers,
            writing: Line::before(1, "change"),
            writer,
            _checkpoints: AbortOnDropHandle::new(tokio::spawn(checkpoints)),
        };
        opening::in_turn(path, opening::LIMIT, async || store.migrate().await).await?;
        Ok(store)
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        // sqlx does not lock an SQLite file: two processes would both apply the migrations that they found missing. In one
        // transaction, the file has all of them or none.
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        MIGRATIONS.run(&mut *transaction).await?;
        transaction.commit().await?;
        // Restaurants that an earlier version added are found from the first search on.
        while self.fold_some().await? > 0 {}
        Ok(())
    }
}

/// Copies a file that a site may be using to another one, which must be missing or empty. The copy has everything that was
/// committed before.
pub async fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let options = SqliteConnectOptions::new().filename(from).busy_timeout(WAIT_LIMIT);
    let mut connection = options.create_if_missing(false).connect().await?;
    sqlx::query("vacuum into ?1")
        .bind(to.to_string_lossy())
        .execute(&mut connection)
        .await?;
    Ok(connection.close().await?)
}

#[async_trait]
impl Store for SqliteStore {
    fn describe(&self) -> String {
        format!("SQLite file {}", self.path.display())
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
        let folder = self.path.parent().unwrap_or(Path::new("."));
        Ok(disk::write_a_block(folder).await.map_err(sqlx::Error::Io)?)
    }

    /// Only checks the version: [`SqliteStore::open`] has already migrated the file, or failed.
    async fn prepare(&self) -> Result<(), StoreError> {
        self.ready().await
    }

    async fn fold_some(&self) -> Result<usize, StoreError> {
        // Usually there are none, and no reason to wait for other writers.
        let any: bool = sqlx::query_scalar("select exists (select 1 from restaurants where folding < ?1)")
            .bind(FOLDING)
            .fetch_one(&self.readers)
            .await?;
        if !any {
            return Ok(0);
        }
        // Locked, so that no other process changes the texts in between.
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        let rows: Vec<(i64, String, String, String)> = sqlx::query_as(
            "select id, name, street_address, description from restaurants where folding < ?1 limit 200",
        )
        .bind(FOLDING)
        .fetch_all(&mut *transaction)
        .await?;
        let count = rows.len();
        for (id, name, street_address, description) in rows {
            let restaurant = NewRestaurant {
                name,
                street_address,
                description,
            };
            sqlx::query("update restaurants set name_folded = ?2, search_text = ?3, folding = ?4 where id = ?1")
                .bind(id)
                .bind(sort_key(&restaurant.name))
                .bind(search::text(&SearchText::of(&restaurant)))
                .bind(FOLDING)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(count)
    }

    /// Reads the whole file: damage may be anywhere in it.
    async fn check(&self) -> Result<(), StoreError> {
        let faults: Vec<String> = sqlx::query_scalar("pragma quick_check(1)")
            .fetch_all(&self.readers)
            .await?;
        match faults.into_iter().find(|fault| fault != "ok") {
            Some(fault) => Err(StoreError::Damaged(fault)),
            None => self.ready().await,
        }
    }

    async fn list(&self, query: &ListQuery) -> Result<ListPage, StoreError> {
        let _place = self.reading.join()?;
        let (direction, cursor) = match &query.from {
            Some((direction, cursor)) => (*direction, cursor),
            None => (Direction::After, &ListCursor::start(query.sort)),
        };
        let (name, milli_stars, review_count) = cursor.key.values();
        let words = search::match_expression(&query.search);
        let total = sqlx::query_scalar(include_str!("sqlite/list/count.sql"))
            .bind(&words)
            .fetch_one(&self.readers)
            .await?;
        let rows = sqlx::query_as(list::sql(query.sort, direction))
            .bind(words)
            .bind(cursor.id)
            .bind(name)
            .bind(milli_stars)
            .bind(review_count)
            .fetch_all(&self.readers)
            .await?;
        Ok(list_page(query, rows, total)?)
    }

    async fn details(
        &self,
        id: RestaurantId,
        query: &ReviewQuery,
    ) -> Result<Option<(Restaurant, ReviewPage)>, StoreError> {
        let _place = self.reading.join()?;
        // One snapshot for both queries, so that the numbers on a page agree with its reviews.
        let mut snapshot = self.readers.begin().await?;
        let restaurant: Option<RestaurantRow> = sqlx::query_as(include_str!("sqlite/details/restaurant.sql"))
            .bind(id.0)
            .fetch_optional(&mut *snapshot)
            .await?;
        let Some(restaurant) = restaurant else { return Ok(None) };

        let (direction, cursor) = query.start();
        let reviews = sqlx::query_as(details::sql(query.sort, direction))
            .bind(id.0)
            .bind(date_text(cursor.date()))
            .bind(cursor.id)
            .bind(query.rating.map(Rating::stars))
            .bind(query.with_photo)
            .bind(cursor.rating.map(Rating::stars))
            .fetch_all(&mut *snapshot)
            .await?;
        Ok(Some((restaurant.restaurant()?, review_page(query, reviews)?)))
    }

    async fn newest_restaurants(&self) -> Result<Vec<RestaurantId>, StoreError> {
        let _place = self.reading.join()?;
        let ids: Vec<i64> = sqlx::query_scalar("select id from restaurants order by id desc limit 10000")
            .fetch_all(&self.readers)
            .await?;
        Ok(ids.into_iter().map(RestaurantId).collect())
    }

    async fn photos(&self, id: RestaurantId) -> Result<Vec<ReviewPhoto>, StoreError> {
        let _place = self.reading.join()?;
        let rows: Vec<PhotoRow> = sqlx::query_as(include_str!("sqlite/details/photos.sql"))
            .bind(id.0)
            .fetch_all(&self.readers)
            .await?;
        Ok(rows.into_iter().filter_map(PhotoRow::photo).collect())
    }

    async fn add_restaurant(
        &self,
        new: &NewRestaurant,
        submission: Option<&SubmissionId>,
    ) -> Result<RestaurantId, StoreError> {
        let _place = self.writing.join()?;
        // The update changes nothing, but makes RETURNING return the row that exists already.
        let insert = sqlx::query_scalar(
            "insert into restaurants (name, street_address, description, submission_id, name_folded, search_text, folding)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             on conflict (submission_id) do update set submission_id = excluded.submission_id
             returning id",
        )
        .bind(&new.name)
        .bind(&new.street_address)
        .bind(&new.description)
        .bind(submission.map(SubmissionId::as_str))
        .bind(sort_key(&new.name))
        .bind(search::text(&SearchText::of(new)))
        .bind(FOLDING);
        Ok(RestaurantId(returned_id(insert, &self.writer).await?))
    }

    async fn add_review(
        &self,
        restaurant: RestaurantId,
        new: &NewReview,
        photo: Option<&PhotoName>,
        submission: Option<&SubmissionId>,
        writer: Option<&Capability>,
    ) -> Result<AddedReview, StoreError> {
        let _place = self.writing.join()?;
        let result = sqlx::query(
            "insert into reviews
                 (restaurant_id, user_name, rating, review_text, image_name, submission_id, writer_key_hash)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             on conflict (submission_id) do nothing",
        )
        .bind(restaurant.0)
        .bind(&new.user_name)
        .bind(i64::from(new.rating.stars()))
        .bind(&new.review_text)
        .bind(photo.map(PhotoName::as_str))
        .bind(submission.map(SubmissionId::as_str))
        .bind(writer.map(|key| key.hash().to_vec()))
        .execute(&self.writer)
        .await;
        Ok(added_review(result.map(|done| done.rows_affected()))?)
    }

    async fn announce_photo(&self, photo: &PhotoName) -> Result<(), StoreError> {
        let _place = self.writing.join()?;
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
        // A transaction that begins by reading would not wait for a lock that another process has.
        let mut transaction = self.writer.begin_with("begin immediate").await?;
        for imported in restaurants {
            let new = &imported.restaurant;
            let insert = sqlx::query_scalar(
                "insert into restaurants
                     (name, street_address, description, created_at, name_folded, search_text, folding)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7) returning id",
            )
            .bind(&new.name)
            .bind(&new.street_address)
            .bind(&new.description)
            .bind(date_text(imported.created_at))
            .bind(sort_key(&new.name))
            .bind(search::text(&SearchText::of(new)))
            .bind(FOLDING);
            let id = returned_id(insert, &mut *transaction).await?;
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

/// The id that an insertion returns.
///
/// The statement is read to its end. `fetch_one` would stop at the row: SQLite then commits when the statement is reset, and
/// copies nothing from the write-ahead log to the file, however long the log becomes.
async fn returned_id(
    insert: QueryScalar<'_, Sqlite, i64, SqliteArguments>,
    executor: impl Executor<'_, Database = Sqlite>,
) -> sqlx::Result<i64> {
    let ids = insert.fetch_all(executor).await?;
    ids.first().copied().ok_or(sqlx::Error::RowNotFound)
}

/// A time in the format of the tables.
fn date_text(date: OffsetDateTime) -> String {
    let format = format_description!(
        version = 2,
        "[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:3]"
    );
    date.to_offset(UtcOffset::UTC)
        .format(format)
        .expect("the format suits every date")
}
