//! The store in Azure: PostgreSQL. Every query is checked against the tables when it is compiled, by what
//! `.sqlx` knows of them (see `migrations/prepare.sh`).

mod changes;
mod connect;
mod details;
mod list;
mod pool;

use std::time::Duration;

use async_trait::async_trait;
use sqlx::error::DatabaseError;
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;
use tracing::Dispatch;
use tracing::instrument::{WithDispatch, WithSubscriber};

use self::changes::Listener;
use self::connect::Database;
pub use self::connect::SignIn;
use super::{
    AddedReview, Changes, ImportedRestaurant, RESTAURANTS_PER_PAGE, REVIEWS_PER_PAGE, Store, StoreError, added_review,
    bad_value, one_page, review_page,
};
use crate::config::DatabaseConfig;
use crate::model::{
    Direction, ListPage, ListQuery, NewRestaurant, NewReview, Restaurant, RestaurantId, ReviewCursor, ReviewPage,
    SubmissionId,
};
use crate::photos::PhotoName;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

// The queries of pages say how many rows they want, a page and one more: a planner that is not told expects a
// tenth of all, and sorts them.
const _: () = assert!(RESTAURANTS_PER_PAGE == 50 && REVIEWS_PER_PAGE == 20);

/// Restaurants and reviews in PostgreSQL.
pub struct PostgresStore {
    name: String,
    /// The database and the role, as SQL writes them.
    database_name: String,
    role: String,
    database: Database,
}

impl PostgresStore {
    /// The store that the settings name. Nothing is connected to yet, so that the site can answer before
    /// its database does.
    pub fn open(config: &DatabaseConfig, sign_in: SignIn) -> Result<Self, StoreError> {
        let how = match sign_in {
            SignIn::Password => "a password",
            SignIn::Token(_) => "an Entra token",
        };
        if matches!(sign_in, SignIn::Token(_)) && !config.ssl_mode.is_verified() {
            let refusal = "a token is sent to none but a verified server: DBSSLMODE must be verify-full or verify-ca";
            return Err(StoreError::Failed(sqlx::Error::Configuration(refusal.into())));
        }
        Ok(Self {
            name: format!(
                "PostgreSQL database {} on {}:{}, signed in as {} with {how}",
                config.name, config.host, config.port, config.user
            ),
            database_name: quoted(&config.name),
            role: quoted(&config.user),
            database: Database::new(config, sign_in),
        })
    }

    /// The grant that was missing when connecting failed with that error, if one was.
    fn lacks_connect(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Unavailable(source) if is_missing_privilege(&source) => StoreError::MissingGrant {
                grant: format!("GRANT CONNECT ON DATABASE {} TO {}", self.database_name, self.role),
                source,
            },
            other => other,
        }
    }

    /// The grant that was missing when migrating failed with that error, if one was.
    async fn lacks_create(&self, error: StoreError, connection: &mut PgConnection) -> StoreError {
        let source = match error {
            StoreError::Unavailable(source) if is_missing_privilege(&source) => source,
            other => return other,
        };
        let found = sqlx::query!(
            "select coalesce(current_schema()::text, 'public') as \"schema!\",
                    coalesce(has_schema_privilege(current_schema()::text, 'CREATE'), false) as \"may_create!\""
        )
        .fetch_one(connection)
        .await;
        let (schema, may_create) = found.map_or_else(
            |_| ("public".to_owned(), false),
            |found| (found.schema, found.may_create),
        );
        let (schema, role) = (quoted(&schema), &self.role);
        StoreError::MissingGrant {
            grant: if may_create {
                // The tables are there, made by another role.
                format!("GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}")
            } else {
                format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}")
            },
            source,
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn describe(&self) -> String {
        self.name.clone()
    }

    async fn ready(&self) -> Result<(), StoreError> {
        is_migrated(&mut *self.database.acquire().await?).await
    }

    fn warning(&self) -> Option<&'static str> {
        self.database
            .lacks_new_tokens()
            .then_some("the token cannot be refreshed; the last one is used while it is valid")
    }

    async fn prepare(&self) -> Result<(), StoreError> {
        let mut connection = self
            .database
            .connect()
            .await
            .map_err(|error| self.lacks_connect(error))?;
        // A role that no longer may create anything can still use what is there.
        if is_migrated(&mut connection).await.is_err() {
            // Under a lock of the database's: of many instances one migrates, and the others wait.
            // (`run` is this on an `Acquire`, which the compiler does not take in an async trait.)
            if let Err(error) = MIGRATIONS.run_direct(None, &mut connection, false).await {
                return Err(self.lacks_create(error.into(), &mut connection).await);
            }
            tracing::info!("the store is migrated");
        }
        Ok(connection.close().await?)
    }

    async fn changes(&self) -> Result<Option<Box<dyn Changes>>, StoreError> {
        Ok(Some(Box::new(Listener::start(&self.database).await?)))
    }

    async fn list(&self, query: &ListQuery) -> Result<ListPage, StoreError> {
        let rows = loop {
            let mut connection = self.database.acquire_unasked().await?;
            match untraced(list::page(&mut connection, query)).await {
                Err(error) if connection.was_closed(&error) => {}
                rows => break rows.inspect(|_| connection.give_back())?,
            }
        };
        let direction = query.from.as_ref().map(|(direction, _)| *direction);
        let as_of = query.from.as_ref().map(|(_, cursor)| &cursor.as_of);
        let (rows, has_before, has_after) = one_page(rows, direction, RESTAURANTS_PER_PAGE);
        let cursor = |row: &list::Row| row.cursor(query.sort, as_of);
        Ok(ListPage {
            before: rows.first().filter(|_| has_before).map(cursor).transpose()?,
            after: rows.last().filter(|_| has_after).map(cursor).transpose()?,
            restaurants: rows.into_iter().map(list::Row::restaurant).collect::<Result<_, _>>()?,
        })
    }

    async fn details(
        &self,
        id: RestaurantId,
        from: Option<(Direction, ReviewCursor)>,
    ) -> Result<Option<(Restaurant, ReviewPage)>, StoreError> {
        let rows = loop {
            let mut connection = self.database.acquire_unasked().await?;
            match untraced(details::page(&mut connection, id, from)).await {
                Err(error) if connection.was_closed(&error) => {}
                rows => break rows.inspect(|_| connection.give_back())?,
            }
        };
        let direction = from.map(|(direction, _)| direction);
        Ok(details::parts(id, rows)?.map(|(restaurant, reviews)| (restaurant, review_page(reviews, direction))))
    }

    async fn add_restaurant(
        &self,
        new: &NewRestaurant,
        submission: Option<&SubmissionId>,
    ) -> Result<RestaurantId, StoreError> {
        let mut connection = self.database.acquire().await?;
        // The update that changes nothing makes RETURNING give the row that is already there.
        let id = sqlx::query_scalar!(
            "insert into restaurants (name, street_address, description, submission_id) values ($1, $2, $3, $4)
             on conflict (submission_id) do update set submission_id = excluded.submission_id
             returning id",
            new.name,
            new.street_address,
            new.description,
            submission.map(SubmissionId::as_str)
        )
        .fetch_one(&mut *connection)
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
        let mut connection = self.database.acquire().await?;
        let result = sqlx::query!(
            "insert into reviews (restaurant_id, user_name, rating, review_text, image_name, submission_id)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (submission_id) do nothing",
            restaurant.0,
            new.user_name,
            i16::from(new.rating.stars()),
            new.review_text,
            photo.map(PhotoName::as_str),
            submission.map(SubmissionId::as_str)
        )
        .execute(&mut *connection)
        .await;
        let added = added_review(result.map(|done| done.rows_affected()))?;
        connection.give_back();
        Ok(added)
    }

    async fn announce_photo(&self, photo: &PhotoName) -> Result<(), StoreError> {
        let mut connection = self.database.acquire().await?;
        sqlx::query!("insert into unclaimed_photos (name) values ($1)", photo.as_str())
            .execute(&mut *connection)
            .await?;
        Ok(())
    }

    async fn is_unclaimed(&self, photo: &PhotoName) -> Result<bool, StoreError> {
        let mut connection = self.database.acquire().await?;
        let unclaimed = sqlx::query_scalar!(
            "select exists (select from unclaimed_photos where name = $1) as \"unclaimed!\"",
            photo.as_str()
        )
        .fetch_one(&mut *connection)
        .await?;
        Ok(unclaimed)
    }

    async fn unclaimed_photos(&self, for_at_least: Duration) -> Result<Vec<PhotoName>, StoreError> {
        let mut connection = self.database.acquire().await?;
        // By the server's clock, which also wrote `since`.
        let names = sqlx::query_scalar!(
            "select name from unclaimed_photos where since <= clock_timestamp() - make_interval(secs => $1)
             order by since limit 100",
            for_at_least.as_secs_f64()
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    async fn forget_photo(&self, photo: &PhotoName) -> Result<(), StoreError> {
        let mut connection = self.database.acquire().await?;
        sqlx::query!("delete from unclaimed_photos where name = $1", photo.as_str())
            .execute(&mut *connection)
            .await?;
        Ok(())
    }

    async fn import(&self, restaurants: &[ImportedRestaurant]) -> Result<(), StoreError> {
        let mut connection = self.database.acquire().await?;
        let mut transaction = connection.begin().await?;
        for imported in restaurants {
            let new = &imported.restaurant;
            let id = sqlx::query_scalar!(
                "insert into restaurants (name, street_address, description, created_at)
                 values ($1, $2, $3, $4) returning id",
                new.name,
                new.street_address,
                new.description,
                imported.created_at
            )
            .fetch_one(&mut *transaction)
            .await?;
            add_reviews(&mut transaction, id, &imported.reviews).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// A query of many rows, outside of the request's span, which sqlx would enter and leave for each of them.
fn untraced<F: Future>(query: F) -> WithDispatch<F> {
    query.with_subscriber(Dispatch::none())
}

/// Whether the tables are of this program's version.
async fn is_migrated(connection: &mut PgConnection) -> Result<(), StoreError> {
    let applied = sqlx::query_scalar!("select max(version) from _sqlx_migrations where success")
        .fetch_one(connection)
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

/// Adds the reviews of one restaurant in one statement, so that they are counted once.
async fn add_reviews(
    connection: &mut PgConnection,
    restaurant: i64,
    reviews: &[(NewReview, OffsetDateTime, Option<PhotoName>)],
) -> sqlx::Result<()> {
    let users: Vec<_> = reviews.iter().map(|(review, ..)| review.user_name.as_str()).collect();
    let ratings: Vec<_> = reviews
        .iter()
        .map(|(review, ..)| i16::from(review.rating.stars()))
        .collect();
    let texts: Vec<_> = reviews.iter().map(|(review, ..)| review.review_text.as_str()).collect();
    let dates: Vec<_> = reviews.iter().map(|(_, date, _)| *date).collect();
    let photos: Vec<_> = reviews
        .iter()
        .map(|(.., photo)| photo.as_ref().map(PhotoName::as_str))
        .collect();
    sqlx::query!(
        "insert into reviews (restaurant_id, user_name, rating, review_text, review_date, image_name)
         select $1, * from unnest($2::text[], $3::smallint[], $4::text[], $5::timestamptz[], $6::text[])",
        restaurant,
        &users as &[&str],
        &ratings,
        &texts as &[&str],
        &dates,
        &photos as &[Option<&str>]
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// `insufficient_privilege`; or `invalid_schema_name`, when there is no schema that the role may use.
fn is_missing_privilege(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    matches!(code.as_deref(), Some("42501" | "3F000"))
}

/// A name as SQL writes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn count(column: &str, value: i64) -> sqlx::Result<u64> {
    u64::try_from(value).map_err(|_| bad_value(column, &value.to_string()))
}

/// A photo's name; one that this site did not make (a row by plain SQL) shows no photo.
fn photo(name: Option<String>) -> Option<PhotoName> {
    name.and_then(|name| name.parse().ok())
}
