//! Properties: anything is understood, and what was understood is understood again.

use super::*;
use proptest::prelude::*;

/// Notices as they are read from a log, odd ones included.
pub(crate) fn notice() -> impl Strategy<Value = Notice> {
    let op = prop_oneof![8 => "invalidate|refresh|prewarm", 1 => "\\PC{0,4}"];
    let scope = prop_oneof![8 => "key|uri|prefix|pattern|tag|rule|all", 1 => "\\PC{0,4}"];
    let value = prop_oneof![
        4 => "(https?://){0,2}[A-b]{0,2}(/[a-b*]{0,2}){0,3}",
        1 => "[0-9A-Fa-f]{32}",
        1 => "\\PC{0,8}",
    ];
    (op, scope, value).prop_map(|(op, scope, value)| Notice::read(op.as_bytes(), scope.as_bytes(), value.as_bytes()))
}

proptest! {
    #[test]
    fn reading_is_total(fields: [Vec<u8>; 3]) {
        let [op, scope, value] = &fields;
        let notice = Notice::read(op, scope, value);
        prop_assert!(notice.scope.value().len() <= LONGEST + 1);
    }

    #[test]
    fn what_was_understood_is_understood_again(notice in notice()) {
        let (op, scope, value) = (notice.op.as_str(), notice.scope.as_str(), notice.scope.value());
        prop_assert_eq!(&Notice::read(op.as_bytes(), scope.as_bytes(), value.as_bytes()), &notice);
        prop_assert_eq!(notice.op == Op::Prewarm && !value.is_empty(), notice.wanted().is_some());
    }
}
