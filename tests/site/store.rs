//! The conformance suite of stores. It uses only the trait.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use restaurant_review::model::SubmissionId;
use restaurant_review::model::{
    Direction, ListQuery, NewRestaurant, NewReview, Rating, RatingSummary, RestaurantId, ReviewQuery, Search, Sort,
};
use restaurant_review::photos::PhotoName;
use restaurant_review::store::{AddedReview, ImportedRestaurant, RESTAURANTS_PER_PAGE, Store};
use time::OffsetDateTime;

use crate::every_store::{Kind, fresh, had_no_connection, on_every_store};

on_every_store! {
    [sqlite Kind::Sqlite, postgresql Kind::Postgres]
    {
        async
            a_restaurant_is_read_as_it_was_added
            reviews_change_the_aggregates_of_only_their_restaurant
            a_review_of_a_missing_restaurant_is_not_saved
            a_repeated_submission_is_recognised
            concurrent_changes_are_all_counted
            a_photo_is_unclaimed_until_its_review_is_saved
            the_cover_is_the_newest_photo
            a_search_is_paged_like_the_whole_list
            the_list_tells_how_many_there_are
            an_import_is_saved_whole_or_not_at_all
            the_longest_texts_of_any_script_are_kept_and_found,
        blocking
            paging_shows_each_once_in_order
            paging_is_not_disturbed_by_rows_added_meanwhile
    }
}

pub fn restaurant(name: &str) -> NewRestaurant {
    NewRestaurant {
        name: name.into(),
        street_address: "1 Main Street".into(),
        description: "Nice food".into(),
    }
}

pub fn review(stars: i64) -> NewReview {
    NewReview {
        user_name: "Ada".into(),
        rating: Rating::new(stars).unwrap(),
        review_text: format!("{stars} stars"),
    }
}

pub async fn add_review(store: &dyn Store, id: RestaurantId, stars: i64) {
    loop {
        match store.add_review(id, &review(stars), None, None, None).await {
            // A full line refuses at once: this lets those in it continue.
            Err(error) if had_no_connection(&error) => tokio::time::sleep(Duration::from_millis(10)).await,
            added => return assert_eq!(added.unwrap(), AddedReview::Added),
        }
    }
}

async fn a_restaurant_is_read_as_it_was_added(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    store.ready().await.unwrap();
    let id = store
        .add_restaurant(&restaurant("Café 🍕 'quoted'"), None)
        .await
        .unwrap();
    let (read, page) = store.details(id, &ReviewQuery::default()).await.unwrap().unwrap();
    assert_eq!((read.id, read.name.as_str()), (id, "Café 🍕 'quoted'"));
    assert_eq!(
        (read.street_address.as_str(), read.description.as_str()),
        ("1 Main Street", "Nice food")
    );
    assert_eq!(read.rating, RatingSummary::default());
    assert!(page.reviews.is_empty() && page.before.is_none() && page.after.is_none());
    assert!(
        store
            .details(RestaurantId(id.0 + 1), &ReviewQuery::default())
            .await
            .unwrap()
            .is_none()
    );
}

async fn reviews_change_the_aggregates_of_only_their_restaurant(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let first = store.add_restaurant(&restaurant("First"), None).await.unwrap();
    let second = store.add_restaurant(&restaurant("Second"), None).await.unwrap();
    for stars in [5, 4, 4, 1] {
        add_review(&*store, first, stars).await;
    }
    let (read, page) = store.details(first, &ReviewQuery::default()).await.unwrap().unwrap();
    assert_eq!(read.rating, RatingSummary { sum: 14, count: 4 });
    assert_eq!(read.distribution, [1, 0, 0, 2, 1]);
    let stars: Vec<_> = page.reviews.iter().map(|review| review.rating.stars()).collect();
    assert_eq!(stars, [1, 4, 4, 5], "newest first");
    let age = OffsetDateTime::now_utc() - page.reviews[0].review_date;
    assert!(age.unsigned_abs() < Duration::from_mins(10), "dated now: {age}");
    assert_eq!(
        store
            .details(second, &ReviewQuery::default())
            .await
            .unwrap()
            .unwrap()
            .0
            .rating,
        RatingSummary::default()
    );
}

async fn a_review_of_a_missing_restaurant_is_not_saved(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let result = store
        .add_review(RestaurantId(7), &review(5), None, None, None)
        .await
        .unwrap();
    assert_eq!(result, AddedReview::NoRestaurant);
}

async fn a_repeated_submission_is_recognised(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let submission = SubmissionId::of("form", &[b"contents"]);
    let id = store
        .add_restaurant(&restaurant("Once"), submission.as_ref())
        .await
        .unwrap();
    assert_eq!(
        store
            .add_restaurant(&restaurant("Once"), submission.as_ref())
            .await
            .unwrap(),
        id
    );
    assert_ne!(store.add_restaurant(&restaurant("Once"), None).await.unwrap(), id);
    let new = review(5);
    let add = || store.add_review(id, &new, None, submission.as_ref(), None);
    assert_eq!(add().await.unwrap(), AddedReview::Added);
    assert_eq!(add().await.unwrap(), AddedReview::Repeated);
    assert_eq!(
        store
            .details(id, &ReviewQuery::default())
            .await
            .unwrap()
            .unwrap()
            .0
            .rating
            .count,
        1
    );
}

async fn concurrent_changes_are_all_counted(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let store = std::sync::Arc::new(store);
    let id = store.add_restaurant(&restaurant("Busy"), None).await.unwrap();
    let tasks: Vec<_> = (0..100)
        .map(|index| {
            let store = store.clone();
            tokio::spawn(async move { add_review(&**store, id, 1 + index % 5).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let (read, _) = store.details(id, &ReviewQuery::default()).await.unwrap().unwrap();
    assert_eq!(read.rating, RatingSummary { sum: 300, count: 100 });
    assert_eq!(read.distribution, [20; 5]);
}

async fn a_photo_is_unclaimed_until_its_review_is_saved(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let id = store.add_restaurant(&restaurant("A"), None).await.unwrap();
    let photo = PhotoName::random();
    assert!(!store.is_unclaimed(&photo).await.unwrap());
    store.announce_photo(&photo).await.unwrap();
    assert!(store.is_unclaimed(&photo).await.unwrap());
    assert_eq!(
        store.unclaimed_photos(Duration::ZERO).await.unwrap(),
        std::slice::from_ref(&photo)
    );
    assert!(
        store
            .unclaimed_photos(Duration::from_mins(10))
            .await
            .unwrap()
            .is_empty()
    );

    store
        .add_review(id, &review(5), Some(&photo), None, None)
        .await
        .unwrap();
    assert!(store.unclaimed_photos(Duration::ZERO).await.unwrap().is_empty());
    let (_, page) = store.details(id, &ReviewQuery::default()).await.unwrap().unwrap();
    assert_eq!(page.reviews[0].photo, Some(photo.clone()));

    let other = PhotoName::random();
    store.announce_photo(&other).await.unwrap();
    store.forget_photo(&other).await.unwrap();
    assert!(!store.is_unclaimed(&other).await.unwrap());
}

async fn the_cover_is_the_newest_photo(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let id = store.add_restaurant(&restaurant("A"), None).await.unwrap();
    let (older, newer) = (PhotoName::random(), PhotoName::random());
    store
        .add_review(id, &review(5), Some(&older), None, None)
        .await
        .unwrap();
    store
        .add_review(id, &review(5), Some(&newer), None, None)
        .await
        .unwrap();
    add_review(&*store, id, 5).await;
    let page = store.list(&ListQuery::default()).await.unwrap();
    assert_eq!(page.restaurants[0].cover, Some(newer));
}

/// All ids of a list, page by page, with something happening between pages.
pub async fn walk(
    store: &dyn Store,
    sort: Sort,
    search: &str,
    direction: Direction,
    mut between: impl AsyncFnMut(usize),
) -> Vec<i64> {
    let mut query = ListQuery {
        search: Search::parse(search),
        sort,
        from: None,
    };
    let mut ids = Vec::new();
    if direction == Direction::Before {
        // From the end: go there first.
        while let Some(cursor) = store.list(&query).await.unwrap().after {
            query.from = Some((Direction::After, cursor));
        }
        let last = store.list(&query).await.unwrap();
        ids.extend(last.restaurants.iter().rev().map(|row| row.id.0));
        match last.before {
            Some(cursor) => query.from = Some((Direction::Before, cursor)),
            None => return ids,
        }
    }
    for pages in 1.. {
        let page = store.list(&query).await.unwrap();
        assert!(page.restaurants.len() <= RESTAURANTS_PER_PAGE);
        let mut rows: Vec<_> = page.restaurants.iter().map(|row| row.id.0).collect();
        let next = match direction {
            Direction::After => page.after,
            Direction::Before => {
                rows.reverse();
                page.before
            }
        };
        ids.extend(rows);
        between(pages).await;
        match next {
            Some(cursor) => query.from = Some((direction, cursor)),
            None => return ids,
        }
    }
    unreachable!()
}

/// Fills a store with restaurants; each has that number of reviews with that number of stars.
async fn filled(store: &dyn Store, reviews: &[(u8, u8)]) {
    let imported: Vec<_> = reviews
        .iter()
        .enumerate()
        .map(|(index, (count, stars))| ImportedRestaurant {
            // Names repeat and differ in case: the order must still be total.
            restaurant: restaurant(["Bistro", "bistro", "Café", "Diner"][index % 4]),
            created_at: OffsetDateTime::now_utc(),
            reviews: vec![(review(i64::from(*stars)), OffsetDateTime::now_utc(), None); usize::from(*count)],
        })
        .collect();
    store.import(&imported).await.unwrap();
}

/// Paging shows every restaurant exactly once, in order, forwards and backwards.
fn paging_shows_each_once_in_order(kind: Kind) {
    let mut runner = TestRunner::new(kind.cases());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runner
        .run(&vec((0..4u8, 1..6u8), 0..170), |restaurants| {
            runtime.block_on(async {
                let (_guard, store) = fresh(kind).await;
                filled(&*store, &restaurants).await;
                for sort in Sort::ALL {
                    let forwards = walk(&*store, sort, "", Direction::After, async |_| {}).await;
                    let all: BTreeSet<_> = forwards.iter().copied().collect();
                    assert_eq!(forwards.len(), restaurants.len(), "{sort:?}");
                    assert_eq!(all.len(), restaurants.len(), "{sort:?}: each once");
                    let mut backwards = walk(&*store, sort, "", Direction::Before, async |_| {}).await;
                    backwards.reverse();
                    assert_eq!(forwards, backwards, "{sort:?}");
                    let key = |id: &i64| {
                        let (count, stars) = restaurants[usize::try_from(*id - 1).unwrap()];
                        let name = ["bistro", "bistro", "café", "diner"][usize::try_from(*id - 1).unwrap() % 4];
                        let stars = if count > 0 { u32::from(stars) } else { 0 };
                        let weighted = (1000 * u32::from(count) * stars + 15_000) / (u32::from(count) + 5);
                        let weighted = if count > 0 { weighted } else { 0 };
                        match sort {
                            Sort::Name => (name, 0, 0, *id),
                            Sort::Rating => ("", 5000 - weighted, 255 - count, -*id),
                            Sort::Reviews => ("", u32::from(255 - count), 0, -*id),
                            Sort::Newest => ("", 0, 0, -*id),
                        }
                    };
                    assert!(forwards.is_sorted_by_key(key), "{sort:?}");
                }
                Ok(())
            })
        })
        .unwrap();
}

/// While a visitor pages, others add restaurants and reviews. A restaurant whose place in the order does not change is
/// still shown exactly once: by name and by newest, every restaurant; by rating and by reviews, those without a new
/// review.
fn paging_is_not_disturbed_by_rows_added_meanwhile(kind: Kind) {
    let mut runner = TestRunner::new(kind.cases());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let change = prop_oneof![
        // A review of that many stars for that restaurant (modulo their number).
        (any::<u16>(), 1..6u8).prop_map(|(index, stars)| (Some(index), stars)),
        (1..6u8).prop_map(|stars| (None, stars)),
    ];
    let strategy = (
        vec((0..4u8, 1..6u8), 101..200),
        vec(vec(change, 0..30), 1..5),
        any::<bool>(),
    );
    runner
        .run(&strategy, |(restaurants, changes, backwards)| {
            runtime.block_on(async {
                for sort in Sort::ALL {
                    let (_guard, store) = fresh(kind).await;
                    filled(&*store, &restaurants).await;
                    let count = i64::try_from(restaurants.len()).unwrap();
                    let direction = if backwards { Direction::Before } else { Direction::After };
                    let mut moved = BTreeSet::new();
                    let shown = walk(&*store, sort, "", direction, async |pages| {
                        for (index, stars) in changes.get(pages - 1).into_iter().flatten() {
                            let id = match index {
                                Some(index) => RestaurantId(i64::from(*index) % count + 1),
                                None => store
                                    .add_restaurant(&restaurant("Added meanwhile"), None)
                                    .await
                                    .unwrap(),
                            };
                            add_review(&*store, id, i64::from(*stars)).await;
                            if matches!(sort, Sort::Rating | Sort::Reviews) {
                                moved.insert(id.0);
                            }
                        }
                    })
                    .await;
                    let stayed: Vec<_> = shown.iter().filter(|id| !moved.contains(id)).collect();
                    let each: BTreeSet<_> = stayed.iter().copied().collect();
                    assert_eq!(each.len(), stayed.len(), "{sort:?}: nothing twice");
                    for id in (1..=count).filter(|id| !moved.contains(id)) {
                        assert!(each.contains(&id), "{sort:?}: {id} was skipped");
                    }
                }
                Ok(())
            })
        })
        .unwrap();
}

async fn a_search_is_paged_like_the_whole_list(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    filled(&*store, &[(1, 3); 250]).await;
    for sort in Sort::ALL {
        let found = walk(&*store, sort, "BISTRO", Direction::After, async |_| {}).await;
        let each: BTreeSet<_> = found.iter().copied().collect();
        assert_eq!((found.len(), each.len()), (126, 126), "{sort:?}");
    }
}

/// The numbers of the rows on each page, forwards and backwards, and of all rows up to 1,000.
async fn the_list_tells_how_many_there_are(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let (mut added, mut bistros) = (0, 0);
    for wanted in [0, 1, 50, 51, 130, 1000, 1001, 1100] {
        filled(&*store, &vec![(1, 3); wanted - added]).await;
        bistros += (0..wanted - added).filter(|index| index % 4 < 2).count() as u64;
        added = wanted;
        for sort in [Sort::Name, Sort::Newest] {
            let mut query = ListQuery {
                sort,
                ..ListQuery::default()
            };
            let mut skipped = Vec::new();
            let last = loop {
                let page = store.list(&query).await.unwrap();
                assert_eq!(page.total, added.min(1001) as u64);
                skipped.push(page.skipped);
                match &page.after {
                    Some(cursor) => query.from = Some((Direction::After, cursor.clone())),
                    None => break page,
                }
            };
            let expected: Vec<_> = (0..added.max(1) as u64).step_by(RESTAURANTS_PER_PAGE).collect();
            assert_eq!(skipped, expected, "{added}");
            let mut before = last.before;
            while let Some(cursor) = before {
                skipped.pop();
                query.from = Some((Direction::Before, cursor));
                let page = store.list(&query).await.unwrap();
                assert_eq!(Some(&page.skipped), skipped.last());
                before = page.before;
            }
            assert_eq!(skipped, [0], "{added}");
        }
    }
    let search = Search::parse("bistro");
    let query = ListQuery {
        search,
        ..ListQuery::default()
    };
    assert_eq!(store.list(&query).await.unwrap().total, bistros);
}

async fn an_import_is_saved_whole_or_not_at_all(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let good = ImportedRestaurant {
        restaurant: restaurant("Good"),
        created_at: OffsetDateTime::now_utc(),
        reviews: vec![(review(5), OffsetDateTime::now_utc(), None)],
    };
    let bad = ImportedRestaurant {
        restaurant: restaurant(&"x".repeat(51)),
        ..good.clone()
    };
    store.import(&[good, bad]).await.unwrap_err();
    assert!(store.list(&ListQuery::default()).await.unwrap().restaurants.is_empty());
}

async fn the_longest_texts_of_any_script_are_kept_and_found(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    // Letters, some of which take many bytes or decompose into several characters; then symbols.
    let characters = ["x", "é", "Ж", "각", "が", "寿", "ệ", "𐐀", "क़", "🍕", "𝅘𝅥𝅮"];
    // And a text that cannot be compressed to fit into an index.
    let all_different: String = ('\u{20000}'..'\u{2a6d0}').step_by(97).collect();
    for characters in characters.into_iter().chain([all_different.as_str()]) {
        let fill = |length: usize| characters.chars().cycle().take(length).collect::<String>();
        let new = NewRestaurant {
            name: fill(50),
            street_address: fill(50),
            description: fill(250),
        };
        let id = store.add_restaurant(&new, None).await.unwrap();
        let (read, _) = store.details(id, &ReviewQuery::default()).await.unwrap().unwrap();
        assert_eq!(
            (read.name, read.street_address, read.description),
            (new.name.clone(), new.street_address, new.description)
        );
        let search = Search::parse(&new.name);
        if search.terms().is_some_and(|terms| !terms.is_empty()) {
            let query = ListQuery {
                search,
                ..ListQuery::default()
            };
            let page = store.list(&query).await.unwrap();
            assert!(page.restaurants.iter().any(|row| row.id == id), "{characters}");
        }
    }
}
