//! Facts about filters and spans.

use super::*;

#[test]
fn h_46_a_filter_says_any_prefix() {
    assert_eq!(starts_with("a b"), r#"id.startsWith("a b")"#);
    assert_eq!(starts_with(r#"a"b\"#), r#"id.startsWith("a\"b\\")"#);
}

#[test]
fn a_page_size_is_at_least_one_and_at_most_what_the_service_has() {
    assert_eq!((size(0, 10), size(7, 10), size(11, 10)), (1, 7, 10));
}

#[test]
fn a_span_is_over_once_the_place_is_behind_all_of_it() {
    let place = |scope: &str, key: &str| (Scope::trusted(scope), EntryKey::trusted(key));
    let keys = Span::Keys(Scope::trusted("b"), "k".into());
    for (scope, key, over) in [
        ("a", "z", false),
        ("b", "a", false),
        ("b", "k", false),
        ("b", "kz", false),
        ("b", "l", true),
        ("c", "a", true),
    ] {
        assert_eq!(is_over(&keys, &place(scope, key)), over, "{scope} {key}");
    }
    let scopes = Span::Scopes("b".into());
    for (scope, over) in [("a", false), ("b", false), ("bz", false), ("c", true)] {
        assert_eq!(is_over(&scopes, &place(scope, "k")), over, "{scope}");
    }
    assert!(!is_over(&Span::all(), &place("z", "k")));
}
