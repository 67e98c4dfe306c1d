//! The steps from each form of stored items to the next.
//!
//! Every step leaves an item of today's form as it is, so that it does no harm where a part of an item was written in
//! today's form already.

use aws_sdk_dynamodb::types::AttributeValue;

use super::Item;

/// Form 2 knows prospects, links that were dropped, splits, and what is still arriving from other profiles. What form 1
/// lacks of these there is none of; but a build that knows form 1 alone would write the graph back without them.
pub(super) fn graph_from_1(_: &mut Item) {}

/// Form 3 knows how a profile ends. What form 2 holds does not end; but a build that knows form 2 alone would write to a
/// person who was deleted, and forget that they were.
pub(super) fn graph_from_2(_: &mut Item) {}

/// Form 4 knows which profiles that have become part of this one still owe a destination something. What form 3 lacks of
/// these there is none of; but a build that knows form 3 alone would forget them, and erase the person before them.
pub(super) fn graph_from_3(_: &mut Item) {}

/// Form 2 knows that the person of an identity was deleted. What form 1 holds was not; but a build that knows form 1 alone
/// would link the identity again.
pub(super) fn link_from_1(_: &mut Item) {}

/// Form 3 knows that the person of a visitor was deleted. What form 2 holds was not; but a build that knows form 2 alone
/// would remember the visitor again.
pub(super) fn visitor_from_2(_: &mut Item) {}

/// Form 2 knows in its `link` which profiles may hold copies besides the one that holds the visitor. What form 1 lacks there
/// is none of; but a build that knows form 1 alone would forget them.
pub(super) fn visitor_from_1(_: &mut Item) {}

/// Form 1 kept what would cure the refusal, which is found anew by now whenever somebody asks, and not which part of a
/// policy's expression held: of such a refusal all of it is shown.
pub(super) fn refusal_from_1(item: &mut Item) {
    let Some(refusal) = map(item, "refusal") else { return };
    refusal.remove("cures");
    let policy = map(refusal, "cause").and_then(|cause| map(cause, "policy"));
    if let Some(policy) = policy
        && let Some(deny) = policy.get("deny").cloned()
    {
        policy.entry("matched".to_owned()).or_insert(deny);
    }
}

fn map<'a>(item: &'a mut Item, name: &str) -> Option<&'a mut Item> {
    match item.get_mut(name) {
        Some(AttributeValue::M(map)) => Some(map),
        _ => None,
    }
}
