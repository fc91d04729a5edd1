//! The reviews of a restaurant: their pages, in every order and selection.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use restaurant_review::model::{Direction, Rating, RestaurantId, Review, ReviewPage, ReviewQuery, ReviewSort};
use restaurant_review::photos::PhotoName;
use restaurant_review::store::{ImportedRestaurant, PHOTOS_PER_RESTAURANT, REVIEWS_PER_PAGE, Store};
use time::OffsetDateTime;

use crate::every_store::{Kind, fresh, on_every_store};
use crate::store::{add_review, restaurant, review};

on_every_store! {
    [sqlite Kind::Sqlite, postgresql Kind::Postgres]
    {
        async
            every_cursor_that_can_be_parsed_is_read
            newer_reviews_do_not_disturb_paging
            the_newest_photos_are_shown
            one_review_does_not_outrank_many,
        blocking
            every_order_and_selection_is_paged_each_once
    }
}

const RESTAURANT: RestaurantId = RestaurantId(1);

async fn read(store: &dyn Store, query: ReviewQuery) -> ReviewPage {
    store.details(RESTAURANT, &query).await.unwrap().unwrap().1
}

/// A store with one restaurant, whose reviews have these stars, milliseconds and perhaps photos.
async fn fill(store: &dyn Store, reviews: &[(i64, i64, bool)]) {
    let start = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
    let reviews = reviews.iter().map(|(stars, milliseconds, has_photo)| {
        let date = start + time::Duration::milliseconds(*milliseconds);
        (review(*stars), date, has_photo.then(PhotoName::random))
    });
    let imported = ImportedRestaurant {
        restaurant: restaurant("A"),
        created_at: start,
        reviews: reviews.collect(),
    };
    store.import(&[imported]).await.unwrap();
}

/// All pages of a selection, read forwards; reading backwards must show the same ones.
async fn pages(store: &dyn Store, mut query: ReviewQuery) -> Vec<Review> {
    let mut pages = vec![read(store, query).await];
    assert!(pages[0].before.is_none());
    while let Some(cursor) = pages.last().unwrap().after {
        query.from = Some((Direction::After, cursor));
        pages.push(read(store, query).await);
        assert!(pages.last().unwrap().reviews.len() <= REVIEWS_PER_PAGE);
    }
    for two in pages.windows(2).rev() {
        query.from = Some((Direction::Before, two[1].before.unwrap()));
        assert_eq!(read(store, query).await.reviews, two[0].reviews);
    }
    pages.into_iter().flat_map(|page| page.reviews).collect()
}

fn every_order_and_selection_is_paged_each_once(kind: Kind) {
    let mut runner = TestRunner::new(kind.cases());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // Many have the same date.
    let reviews = vec((1..6i64, 0..10i64, any::<bool>()), 0..130);
    runner
        .run(&reviews, |reviews| {
            runtime.block_on(async {
                let (_guard, store) = fresh(kind).await;
                fill(&*store, &reviews).await;
                for sort in ReviewSort::ALL {
                    for stars in 0..=5i64 {
                        for with_photo in [false, true] {
                            let query = ReviewQuery {
                                rating: Rating::new(stars),
                                with_photo,
                                sort,
                                from: None,
                            };
                            let shown = pages(&*store, query).await;
                            let wanted = |(rating, _, has_photo): &&(i64, i64, bool)| {
                                (stars == 0 || *rating == stars) && (*has_photo || !with_photo)
                            };
                            assert_eq!(shown.len(), reviews.iter().filter(wanted).count(), "{query:?}");
                            let key = |review: &Review| {
                                let stars = i64::from(review.rating.stars());
                                let stars = match sort {
                                    ReviewSort::Newest => 0,
                                    ReviewSort::Highest => stars,
                                    ReviewSort::Lowest => -stars,
                                };
                                (stars, review.review_date, review.id)
                            };
                            assert!(shown.is_sorted_by(|a, b| key(a) > key(b)), "{query:?}");
                        }
                    }
                }
                Ok(())
            })
        })
        .unwrap();
}

/// The stores have fewer dates than an address can name.
async fn every_cursor_that_can_be_parsed_is_read(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    fill(&*store, &[(3, 0, true)]).await;
    let years = [-9999, -4800, -4713, 0, 1, 1969, 1970, 2026, 9998, 9999, 10_000, 294_277];
    let dates = years.into_iter().flat_map(|year| {
        let start = (year - 1970) * 31_556_952_000_i64;
        [start - 86_400_000, start, start + 86_400_000]
    });
    let edges = [
        i64::MIN,
        -62_135_596_800_001,
        -62_135_596_800_000,
        253_370_764_799_999,
        253_370_764_800_000,
        i64::MAX,
    ];
    let mut read_dates = 0;
    for date in dates.chain(edges) {
        for id in [i64::MIN, -1, 0, i64::MAX] {
            let Ok(cursor) = format!("{date}.{id}.3").parse() else {
                continue;
            };
            read_dates += 1;
            for sort in ReviewSort::ALL {
                for direction in [Direction::After, Direction::Before] {
                    let query = ReviewQuery {
                        sort,
                        from: Some((direction, cursor)),
                        ..ReviewQuery::default()
                    };
                    read(&*store, query).await;
                }
            }
        }
    }
    assert!(read_dates > 50, "{read_dates}");
}

async fn newer_reviews_do_not_disturb_paging(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let reviews: Vec<_> = (0..95).map(|index| (1 + index % 5, (index * 37) % 10, false)).collect();
    fill(&*store, &reviews).await;
    let mut query = ReviewQuery::default();
    let mut shown = Vec::new();
    loop {
        let page = read(&*store, query).await;
        shown.extend(page.reviews);
        let Some(cursor) = page.after else { break };
        query.from = Some((Direction::After, cursor));
        add_review(&*store, RESTAURANT, 5).await;
    }
    assert_eq!(shown.len(), 95);
    assert!(shown.is_sorted_by(|a, b| (a.review_date, a.id) > (b.review_date, b.id)));
}

async fn the_newest_photos_are_shown(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let reviews: Vec<_> = (0..60).map(|index| (4, index, index % 3 == 0)).collect();
    fill(&*store, &reviews).await;
    let with_photo = ReviewQuery {
        with_photo: true,
        ..ReviewQuery::default()
    };
    let newest = read(&*store, with_photo)
        .await
        .reviews
        .into_iter()
        .take(PHOTOS_PER_RESTAURANT);
    let newest: Vec<_> = newest
        .map(|review| (review.id, review.photo.unwrap(), review.review_date))
        .collect();
    let shown = store.photos(RESTAURANT).await.unwrap();
    let shown: Vec<_> = shown
        .into_iter()
        .map(|photo| (photo.review, photo.photo, photo.review_date))
        .collect();
    assert_eq!(shown, newest);
    assert!(store.photos(RestaurantId(2)).await.unwrap().is_empty());
}

/// One 5 ranks below fifty that average 4.9, and above nothing at all.
async fn one_review_does_not_outrank_many(kind: Kind) {
    use restaurant_review::model::{ListQuery, Sort};

    let (_guard, store) = fresh(kind).await;
    let date = OffsetDateTime::now_utc();
    let imported = |name: &str, stars: &[i64]| ImportedRestaurant {
        restaurant: restaurant(name),
        created_at: date,
        reviews: stars.iter().map(|stars| (review(*stars), date, None)).collect(),
    };
    let mut many = vec![5; 45];
    many.extend([4; 5]);
    let all = [
        imported("none", &[]),
        imported("one", &[5]),
        imported("bad", &[1]),
        imported("many", &many),
    ];
    store.import(&all).await.unwrap();
    let query = ListQuery {
        sort: Sort::Rating,
        ..ListQuery::default()
    };
    let names: Vec<_> = store
        .list(&query)
        .await
        .unwrap()
        .restaurants
        .into_iter()
        .map(|row| row.name)
        .collect();
    assert_eq!(names, ["many", "one", "bad", "none"]);
}
