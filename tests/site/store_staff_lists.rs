//! The staff's lists of restaurants and reviews, in every store alike.

use proptest::test_runner::TestRunner;
use restaurant_review::model::{
    Direction, ListQuery, Rating, RestaurantFilter, ReviewAction, ReviewFilter, ReviewOrder, Search, Sort, StaffReview,
    StaffReviewQuery,
};
use restaurant_review::photos::PhotoName;
use restaurant_review::store::STAFF_REVIEWS_PER_PAGE;

use crate::every_store::{Kind, fresh, on_every_store};
use crate::store::restaurant;
use crate::store_staff::{add, new_review};

on_every_store! {
    [sqlite Kind::Sqlite, postgresql Kind::Postgres]
    {
        async
            reviews_are_filtered
            reviews_are_searched_for_words_whatever_their_case_and_accents
            restaurants_are_filtered,
        blocking
            the_staffs_restaurants_are_those_of_the_visitors
            staff_pages_show_each_review_once_in_order
    }
}

async fn reviews_are_filtered(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let first = store.add_restaurant(&restaurant("A"), None).await.unwrap();
    let second = store.add_restaurant(&restaurant("B"), None).await.unwrap();
    let photo = PhotoName::random();
    add(&*store, first, "50%_\\", 5, Some(&photo)).await;
    add(&*store, first, "Bob", 1, None).await;
    let hidden = add(&*store, second, "Eve", 1, None).await;
    store
        .act_on_reviews(&[hidden.versioned()], ReviewAction::Hide, "ada")
        .await
        .unwrap();
    let date = hidden.review.review_date;
    let hour = time::Duration::HOUR;
    let names = async |filter: ReviewFilter| {
        let query = StaffReviewQuery {
            filter,
            order: ReviewOrder::Oldest,
            from: None,
        };
        let page = store.staff_reviews(&query).await.unwrap();
        let names = page.reviews.into_iter().map(|review| review.review.user_name);
        names.collect::<Vec<_>>().join(" ")
    };
    let change = |change: fn(&mut ReviewFilter)| {
        let mut filter = ReviewFilter::default();
        change(&mut filter);
        filter
    };
    let text = |text: &str| ReviewFilter {
        text: text.to_owned(),
        ..ReviewFilter::default()
    };
    let dates = |since, until| ReviewFilter {
        since: Some(since),
        until: Some(until),
        ..ReviewFilter::default()
    };
    let in_second = ReviewFilter {
        restaurant: Some(second),
        ..ReviewFilter::default()
    };
    let all = "50%_\\ Bob Eve";
    for (filter, wanted) in [
        (ReviewFilter::default(), all),
        (text("bOB"), "Bob"),
        (text("%"), "50%_\\"),
        (text("0%_\\"), "50%_\\"),
        (text("B_b"), ""),
        (text("text"), all),
        (text("'; drop table reviews; --"), ""),
        (in_second, "Eve"),
        (change(|filter| filter.rating = Rating::new(1)), "Bob Eve"),
        (change(|filter| filter.hidden = Some(true)), "Eve"),
        (change(|filter| filter.hidden = Some(false)), "50%_\\ Bob"),
        (change(|filter| filter.photo = Some(true)), "50%_\\"),
        (
            change(|filter| (filter.photo, filter.hidden) = (Some(false), Some(false))),
            "Bob",
        ),
        (dates(date - hour, date + hour), all),
        (dates(date + hour, date + hour * 2), ""),
        (dates(date - hour * 2, date - hour), ""),
    ] {
        assert_eq!(names(filter.clone()).await, wanted, "{filter:?}");
    }
}

async fn reviews_are_searched_for_words_whatever_their_case_and_accents(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let restaurant = store.add_restaurant(&restaurant("A"), None).await.unwrap();
    let every_mark: String = (' '..='~').filter(|c| !c.is_alphanumeric()).collect();
    for name in ["ZOË Søren", "Ольга ДЁМИНА", "Phở’s fan", "東京 ß"] {
        add(&*store, restaurant, name, 3, None).await;
    }
    let marks = new_review("Marks", 3, &every_mark);
    store.add_review(restaurant, &marks, None, None, None).await.unwrap();
    let found = async |text: &str| {
        let query = StaffReviewQuery {
            filter: ReviewFilter {
                text: text.to_owned(),
                ..ReviewFilter::default()
            },
            order: ReviewOrder::Oldest,
            from: None,
        };
        let page = store.staff_reviews(&query).await.unwrap();
        let names = page.reviews.into_iter().map(|review| review.review.user_name);
        names.collect::<Vec<_>>().join("|")
    };
    for (text, wanted) in [
        ("zoe", "ZOË Søren"),
        ("zoë", "ZOË Søren"),
        ("zoe\u{308}", "ZOË Søren"),
        ("oren  ZO", "ZOË Søren"),
        ("zoe soren text", "ZOË Søren"),
        ("zoe planted", ""),
        ("ольга демина", "Ольга ДЁМИНА"),
        ("pho's", "Phở’s fan"),
        ("京", "東京 ß"),
        ("ß", "東京 ß"),
        ("a.b", ""),
    ] {
        assert_eq!(found(text).await, wanted, "{text}");
    }
    // No character of a search has a meaning of its own.
    for c in every_mark.chars().filter(|c| !c.is_whitespace()) {
        let is_apostrophe = ['\'', '`'].contains(&c);
        let wanted = if is_apostrophe { "Phở’s fan|Marks" } else { "Marks" };
        assert_eq!(found(&c.to_string()).await, wanted, "{c}");
    }
    // The longest search that the page accepts.
    for longest in ["a".repeat(500), "ơ ".repeat(250), "[".repeat(500), "ua ".repeat(166)] {
        found(&longest).await;
    }
}

async fn restaurants_are_filtered(kind: Kind) {
    let (_guard, store) = fresh(kind).await;
    let mut ids = Vec::new();
    for name in ["Anchor", "Bistro", "Canteen", "Diner"] {
        ids.push(store.add_restaurant(&restaurant(name), None).await.unwrap());
    }
    let photo = PhotoName::random();
    add(&*store, ids[0], "Ada", 5, Some(&photo)).await;
    add(&*store, ids[1], "Bob", 2, None).await;
    add(&*store, ids[1], "Eve", 3, None).await;
    // The only photo of this one is hidden, and so is its only review.
    let photo = PhotoName::random();
    let hidden = add(&*store, ids[2], "Eve", 4, Some(&photo)).await;
    store
        .act_on_reviews(&[hidden.versioned()], ReviewAction::Hide, "ada")
        .await
        .unwrap();
    let numbers = store.hidden_reviews(&ids).await.unwrap();
    assert_eq!(numbers, [(ids[2], 1)].into());
    assert!(store.hidden_reviews(&ids[..2]).await.unwrap().is_empty());
    let filter = |average, photo, hidden| RestaurantFilter { average, photo, hidden };
    for (search, filter, wanted) in [
        ("", filter(None, None, None), "Anchor Bistro Canteen Diner"),
        ("", filter(Some(5), None, None), "Anchor"),
        ("", filter(Some(2), None, None), "Bistro"),
        ("", filter(Some(3), None, None), ""),
        ("", filter(Some(0), None, None), "Canteen Diner"),
        ("", filter(None, Some(true), None), "Anchor"),
        ("", filter(None, Some(false), None), "Bistro Canteen Diner"),
        ("", filter(None, None, Some(true)), "Canteen"),
        ("", filter(Some(0), Some(false), Some(false)), "Diner"),
        ("bist", filter(None, Some(false), None), "Bistro"),
        ("bist", filter(None, Some(true), None), ""),
        ("!", filter(None, Some(false), None), ""),
    ] {
        let query = ListQuery {
            search: Search::parse(search),
            ..ListQuery::default()
        };
        let page = store.staff_restaurants(&query, &filter).await.unwrap();
        let names: Vec<_> = page.restaurants.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names.join(" "), wanted, "{search:?} {filter:?}");
        assert_eq!(page.total, names.len() as u64, "{search:?} {filter:?}");
    }
}

/// Without a filter, both lists have the same pages, in every order and back again.
fn the_staffs_restaurants_are_those_of_the_visitors(kind: Kind) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let all = proptest::collection::vec(("[a-cA-C]{1,2}", 0i64..=5), 101..=110);
    TestRunner::new(proptest::test_runner::Config {
        cases: 2,
        ..kind.cases()
    })
    .run(&all, |all| {
        runtime.block_on(async {
            let (_guard, store) = fresh(kind).await;
            for (name, stars) in &all {
                let id = store.add_restaurant(&restaurant(name), None).await.unwrap();
                if *stars > 0 {
                    let review = new_review("Ada", *stars, "");
                    store.add_review(id, &review, None, None, None).await.unwrap();
                }
            }
            for sort in Sort::ALL {
                let mut query = ListQuery {
                    sort,
                    ..ListQuery::default()
                };
                let mut pages = Vec::new();
                loop {
                    let page = store.list(&query).await.unwrap();
                    let by_staff = store
                        .staff_restaurants(&query, &RestaurantFilter::default())
                        .await
                        .unwrap();
                    assert_eq!(by_staff, page, "{sort:?}");
                    query.from = page.after.clone().map(|cursor| (Direction::After, cursor));
                    pages.push(page);
                    if query.from.is_none() {
                        break;
                    }
                }
                assert_eq!(pages.len(), 3);
                for window in pages.windows(2) {
                    query.from = window[1].before.clone().map(|cursor| (Direction::Before, cursor));
                    let page = store
                        .staff_restaurants(&query, &RestaurantFilter::default())
                        .await
                        .unwrap();
                    assert_eq!(page.restaurants, window[0].restaurants, "{sort:?}");
                }
            }
        });
        Ok(())
    })
    .unwrap();
}

fn staff_pages_show_each_review_once_in_order(kind: Kind) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stars = proptest::collection::vec(1i64..=5, STAFF_REVIEWS_PER_PAGE..2 * STAFF_REVIEWS_PER_PAGE + 10);
    TestRunner::new(kind.cases())
        .run(&stars, |stars| {
            runtime.block_on(async {
                let (_guard, store) = fresh(kind).await;
                let id = store.add_restaurant(&restaurant("A"), None).await.unwrap();
                for stars in &stars {
                    let new = new_review("Ada", *stars, "");
                    store.add_review(id, &new, None, None, None).await.unwrap();
                }
                for order in ReviewOrder::ALL {
                    let mut query = StaffReviewQuery {
                        order,
                        ..StaffReviewQuery::default()
                    };
                    let mut pages = Vec::new();
                    loop {
                        let page = store.staff_reviews(&query).await.unwrap();
                        assert!(page.reviews.len() <= STAFF_REVIEWS_PER_PAGE);
                        query.from = page.after.map(|cursor| (Direction::After, cursor));
                        pages.push(page);
                        if query.from.is_none() {
                            break;
                        }
                    }
                    let all: Vec<_> = pages.iter().flat_map(|page| &page.reviews).collect();
                    assert_eq!(all.len(), stars.len());
                    let key = |review: &StaffReview| {
                        let (date, id) = (review.review.review_date, review.review.id);
                        let rating = review.review.rating;
                        match order {
                            ReviewOrder::Newest | ReviewOrder::Oldest => (date.unix_timestamp_nanos(), id),
                            ReviewOrder::Highest | ReviewOrder::Lowest => (rating.stars().into(), id),
                        }
                    };
                    let mut keys: Vec<_> = all.iter().map(|review| key(review)).collect();
                    if matches!(order, ReviewOrder::Newest | ReviewOrder::Highest) {
                        keys.reverse();
                    }
                    assert!(keys.is_sorted_by(|a, b| a < b), "{order:?}: {keys:?}");
                    // And back again.
                    for window in pages.windows(2) {
                        query.from = window[1].before.map(|cursor| (Direction::Before, cursor));
                        let page = store.staff_reviews(&query).await.unwrap();
                        assert_eq!(page.reviews, window[0].reviews, "{order:?}");
                    }
                }
            });
            Ok(())
        })
        .unwrap();
}
