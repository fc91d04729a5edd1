//! The store in Azure: PostgreSQL. The compiler checks every query against the tables, which `.sqlx` describes (see
//! `migrations/prepare.sh`).

mod changes;
mod connect;
mod details;
mod folding;
mod list;
mod migration;
mod notified;
mod pool;
mod privileges;
mod search;
mod silence;
mod staff;
mod staff_changes;
mod staff_list;

use std::time::Duration;

use async_trait::async_trait;
use sqlx::error::DatabaseError;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;

use self::changes::Listener;
use self::connect::Connector;
pub use self::connect::SignIn;
use self::pool::{Pool, READ_LIMIT, WRITE_LIMIT};
use self::privileges::{Privileges, quoted};
use self::silence::within;
use super::rows::{PhotoRow, list_page, review_page};
use super::{AddedReview, Changes, Connections, ImportedRestaurant, Store, StoreError, added_review};
use crate::config::DatabaseConfig;
use crate::model::{
    Capability, FOLDING, ListPage, ListQuery, NewRestaurant, NewReview, Restaurant, RestaurantId, ReviewPage,
    ReviewPhoto, ReviewQuery, SearchText, SubmissionId, sort_key,
};
use crate::photos::PhotoName;

/// How long an import may take: it is many statements.
const IMPORT_LIMIT: Duration = Duration::from_mins(5);

/// Restaurants and reviews in PostgreSQL.
pub struct PostgresStore {
    name: String,
    /// The names of the database and the role, quoted for SQL.
    database_name: String,
    role: String,
    pool: Pool,
}

impl PostgresStore {
    /// The store that the settings name. Opens no connection yet, so that the site can answer requests before the
    /// database can.
    pub fn open(config: &DatabaseConfig, sign_in: SignIn) -> Result<Self, StoreError> {
        let how = match sign_in {
            SignIn::Password => "a password",
            SignIn::Token(_) => "an Entra token",
        };
        if matches!(sign_in, SignIn::Token(_)) && !config.verifies_server() {
            let refusal = "a token is only sent to a verified server: set DBSSLMODE to verify-full or verify-ca";
            return Err(StoreError::Failed(sqlx::Error::Configuration(refusal.into())));
        }
        Ok(Self {
            name: format!(
                "PostgreSQL database {} on {}:{}, signed in as {} with {how}",
                config.name, config.host, config.port, config.user
            ),
            database_name: quoted(&config.name),
            role: quoted(&config.user),
            pool: Pool::new(Connector::new(config, sign_in)),
        })
    }

    /// Adds the missing grant to the error of a connection that failed because a privilege is missing.
    fn name_connect_grant(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Unavailable(source) if is_missing_privilege(&source) => StoreError::MissingGrant {
                grant: format!("GRANT CONNECT ON DATABASE {} TO {}", self.database_name, self.role),
                cause: source.to_string(),
            },
            other => other,
        }
    }

    /// Adds the missing grants to the error of a migration that failed because a privilege is missing.
    async fn name_grants(&self, error: StoreError, connection: &mut PgConnection) -> StoreError {
        let source = match error {
            StoreError::Unavailable(source) if is_missing_privilege(&source) => source,
            other => return other,
        };
        let Ok(privileges) = within(READ_LIMIT, Privileges::read(connection)).await else {
            return StoreError::Unavailable(source);
        };
        let mut grants = privileges.missing_grants(&self.role);
        if grants.is_empty() {
            grants = privileges.missing_grants_to_migrate(&self.role);
        }
        missing(&grants, &source.to_string())
            .err()
            .unwrap_or(StoreError::Unavailable(source))
    }
}

/// An error if grants are missing.
fn missing(grants: &[String], cause: &str) -> Result<(), StoreError> {
    if grants.is_empty() {
        return Ok(());
    }
    Err(StoreError::MissingGrant {
        grant: grants.join("; "),
        cause: cause.to_owned(),
    })
}

#[async_trait]
impl Store for PostgresStore {
    fn describe(&self) -> String {
        self.name.clone()
    }

    fn connections(&self) -> Option<Connections> {
        Some(self.pool.connections())
    }

    async fn ready(&self) -> Result<(), StoreError> {
        migration::check_version(self.pool.work(READ_LIMIT, migration::version).await?)
    }

    async fn check(&self) -> Result<(), StoreError> {
        let connection = self.pool.connector().connect().await;
        let mut connection = connection.map_err(|error| self.name_connect_grant(error))?;
        let privileges = within(READ_LIMIT, Privileges::read(&mut connection)).await?;
        missing(
            &privileges.missing_grants(&self.role),
            "it cannot do all that the site does",
        )?;
        let version = within(READ_LIMIT, migration::version(&mut connection)).await;
        let checked = version.map_err(StoreError::from).and_then(migration::check_version);
        if matches!(checked, Err(StoreError::NotMigrated(_))) {
            let grants = privileges.missing_grants_to_migrate(&self.role);
            missing(&grants, "it cannot create or change the tables")?;
        }
        within(READ_LIMIT, connection.close()).await?;
        checked
    }

    fn warning(&self) -> Option<&'static str> {
        if self.pool.refuses_changes() {
            return Some("the last change was refused, because the server is read-only or its disk is full");
        }
        self.pool
            .connector()
            .lacks_new_tokens()
            .then_some("the token cannot be refreshed; the last one is used while it is valid")
    }

    async fn prepare(&self) -> Result<(), StoreError> {
        let connector = self.pool.connector();
        let mut connection = connector
            .connect_without_statement_timeout()
            .await
            .map_err(|error| self.name_connect_grant(error))?;
        // A role that may no longer create tables can still use those that exist.
        let version = within(READ_LIMIT, migration::version(&mut connection)).await;
        if version
            .map_err(StoreError::from)
            .and_then(migration::check_version)
            .is_err()
        {
            if let Err(error) = migration::run(connector, &mut connection).await {
                return Err(self.name_grants(error, &mut connection).await);
            }
            tracing::info!("the store is migrated");
        }
        Ok(within(READ_LIMIT, connection.close()).await?)
    }

    async fn changes(&self) -> Result<Option<Box<dyn Changes>>, StoreError> {
        Ok(Some(Box::new(Listener::start(&self.pool).await?)))
    }

    async fn fold_some(&self) -> Result<usize, StoreError> {
        self.pool.work(WRITE_LIMIT, folding::fold_some).await
    }

    async fn list(&self, query: &ListQuery) -> Result<ListPage, StoreError> {
        let read = self.pool.read(async |connection| list::page(connection, query).await);
        let (rows, total) = read.await?;
        Ok(list_page(query, rows, total)?)
    }

    async fn details(
        &self,
        id: RestaurantId,
        query: &ReviewQuery,
    ) -> Result<Option<(Restaurant, ReviewPage)>, StoreError> {
        let rows = self
            .pool
            .read(async |connection| details::page(connection, id, query).await);
        let Some((restaurant, reviews)) = rows.await? else {
            return Ok(None);
        };
        Ok(Some((restaurant.restaurant()?, review_page(query, reviews)?)))
    }

    async fn newest_restaurants(&self) -> Result<Vec<RestaurantId>, StoreError> {
        let read = self.pool.read(async |connection| {
            sqlx::query_scalar!("select id from restaurants order by id desc limit 10000")
                .fetch_all(connection)
                .await
        });
        Ok(read.await?.into_iter().map(RestaurantId).collect())
    }

    async fn photos(&self, id: RestaurantId) -> Result<Vec<ReviewPhoto>, StoreError> {
        let rows = self.pool.read(async |connection| details::photos(connection, id).await);
        Ok(rows.await?.into_iter().filter_map(PhotoRow::photo).collect())
    }

    async fn add_restaurant(
        &self,
        new: &NewRestaurant,
        submission: Option<&SubmissionId>,
    ) -> Result<RestaurantId, StoreError> {
        // The update changes nothing, but makes RETURNING return the row that exists already.
        let insert = sqlx::query_scalar!(
            "insert into restaurants (name, street_address, description, submission_id, name_folded, search_words, folding)
             values ($1, $2, $3, $4, $5, $6::text::tsvector, $7)
             on conflict (submission_id) do update set submission_id = excluded.submission_id
             returning id",
            new.name,
            new.street_address,
            new.description,
            submission.map(SubmissionId::as_str),
            sort_key(&new.name),
            search::vector(&SearchText::of(new)),
            FOLDING
        );
        let id = self.pool.write(async |connection| insert.fetch_one(connection).await);
        Ok(RestaurantId(id.await?))
    }

    async fn add_review(
        &self,
        restaurant: RestaurantId,
        new: &NewReview,
        photo: Option<&PhotoName>,
        submission: Option<&SubmissionId>,
        writer: Option<&Capability>,
    ) -> Result<AddedReview, StoreError> {
        let hash = writer.map(Capability::hash);
        let insert = sqlx::query!(
            "insert into reviews
                 (restaurant_id, user_name, rating, review_text, image_name, submission_id, writer_key_hash)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (submission_id) do nothing",
            restaurant.0,
            new.user_name,
            i16::from(new.rating.stars()),
            new.review_text,
            photo.map(PhotoName::as_str),
            submission.map(SubmissionId::as_str),
            hash.as_ref().map(<[u8; 32]>::as_slice)
        );
        let insert = async |connection: &mut PgConnection| {
            let result = insert.execute(connection).await;
            added_review(result.map(|done| done.rows_affected()))
        };
        self.pool.write(insert).await
    }

    async fn announce_photo(&self, photo: &PhotoName) -> Result<(), StoreError> {
        let insert = sqlx::query!("insert into unclaimed_photos (name) values ($1)", photo.as_str());
        let done = self.pool.write(async |connection| insert.execute(connection).await);
        done.await.map(drop)
    }

    async fn is_unclaimed(&self, photo: &PhotoName) -> Result<bool, StoreError> {
        let select = sqlx::query_scalar!(
            "select exists (select from unclaimed_photos where name = $1) as \"unclaimed!\"",
            photo.as_str()
        );
        let unclaimed = self
            .pool
            .work(READ_LIMIT, async |connection| select.fetch_one(connection).await);
        unclaimed.await
    }

    async fn unclaimed_photos(&self, for_at_least: Duration) -> Result<Vec<PhotoName>, StoreError> {
        // The server's clock also wrote `since`.
        let select = sqlx::query_scalar!(
            "select name from unclaimed_photos where since <= clock_timestamp() - make_interval(secs => $1)
             order by since limit 100",
            for_at_least.as_secs_f64()
        );
        let names = self
            .pool
            .work(READ_LIMIT, async |connection| select.fetch_all(connection).await);
        Ok(names.await?.iter().filter_map(|name| name.parse().ok()).collect())
    }

    async fn forget_photo(&self, photo: &PhotoName) -> Result<(), StoreError> {
        let delete = sqlx::query!("delete from unclaimed_photos where name = $1", photo.as_str());
        let done = self
            .pool
            .work(WRITE_LIMIT, async |connection| delete.execute(connection).await);
        done.await.map(drop)
    }

    async fn import(&self, restaurants: &[ImportedRestaurant]) -> Result<(), StoreError> {
        let import = async |connection: &mut PgConnection| import(connection, restaurants).await;
        self.pool.work(IMPORT_LIMIT, import).await
    }
}

/// Adds them all in one transaction.
async fn import(connection: &mut PgConnection, restaurants: &[ImportedRestaurant]) -> sqlx::Result<()> {
    let mut transaction = connection.begin().await?;
    for imported in restaurants {
        let new = &imported.restaurant;
        let id = sqlx::query_scalar!(
            "insert into restaurants
                     (name, street_address, description, created_at, name_folded, search_words, folding)
                 values ($1, $2, $3, $4, $5, $6::text::tsvector, $7) returning id",
            new.name,
            new.street_address,
            new.description,
            imported.created_at,
            sort_key(&new.name),
            search::vector(&SearchText::of(new)),
            FOLDING
        )
        .fetch_one(&mut *transaction)
        .await?;
        add_reviews(&mut transaction, id, &imported.reviews).await?;
    }
    transaction.commit().await
}

/// Adds the reviews of one restaurant in one statement, so that its numbers are updated once.
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

/// Whether the error is `insufficient_privilege`, or `invalid_schema_name`, which a role gets if it may not use any
/// schema.
fn is_missing_privilege(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    matches!(code.as_deref(), Some("42501" | "3F000"))
}
