//! What is told to have decided did: the rest could come to anything.

use super::*;
use crate::Reason;

proptest! {
    #[test]
    fn nothing_but_what_decided_can_change_the_answer(
        tree in conditions(),
        profile in profiles(),
        now in instants(),
        others in vec(any::<bool>(), 1..8),
    ) {
        let text = tree.to_string();
        let expression = Expression { root: parsed(&text) };
        let Ok(reason) = expression.explain(&profile, now, None) else { return Ok(()) };
        prop_assert_eq!(Ok(reason.holds), expression.holds(&profile, now), "{}", text);
        let mut others = others.into_iter().cycle();
        let changed = with_others(&expression.root, &reason, &mut others);
        let changed = Expression { root: parsed(&changed.to_string()) };
        prop_assert_eq!(Ok(reason.holds), changed.holds(&profile, now), "{} as {}", text, changed);
    }

    #[test]
    fn the_item_that_decided_decides_alone(
        items in vec((0_i64..4, 0_i64..4), 0..6),
        quantifier in select(&["exists", "forall", "select"][..]),
    ) {
        let item = |(a, b): &(i64, i64)| Value::Object(object([
            ("a", Some(Value::Integer(*a))),
            ("b", Some(Value::Integer(*b))),
        ]));
        let profile = |items: &[(i64, i64)]| {
            object([("items", Some(Value::Array(items.iter().map(item).collect())))])
        };
        let text = format!("{quantifier} I from items where I.a > 1 and (I.b = 0 or I.a = I.b)");
        let expression = Expression { root: parsed(&text) };
        let now = Timestamp::UNIX_EPOCH;
        let reason = expression.explain(&profile(&items), now, None).unwrap();
        prop_assert_eq!(Ok(reason.holds), expression.holds(&profile(&items), now));
        let is_found = reason.holds != (quantifier == "forall");
        if let ([of_item], true) = (reason.because.as_slice(), is_found) {
            let alone = [items[of_item.items[0].index]];
            prop_assert_eq!(Ok(reason.holds), expression.holds(&profile(&alone), now));
        } else {
            prop_assert_eq!(reason.because.len() + reason.more, items.len().max(1));
        }
    }
}

/// The tree with something else wherever nothing decided.
fn with_others(node: &Node, reason: &Reason, others: &mut dyn Iterator<Item = bool>) -> Node {
    let operands = |operands: &[Node], others: &mut dyn Iterator<Item = bool>| {
        operands
            .iter()
            .map(|operand| match reason.because.iter().find(|reason| reason.span == operand.span) {
                Some(reason) => with_others(operand, reason, others),
                None => parsed(&others.next().unwrap().to_string()),
            })
            .collect()
    };
    let kind = match &node.kind {
        NodeKind::And(all) => NodeKind::And(operands(all, others)),
        NodeKind::Or(all) => NodeKind::Or(operands(all, others)),
        NodeKind::Not(operand) => NodeKind::Not(Box::new(with_others(operand, &reason.because[0], others))),
        _ => return node.clone(),
    };
    super::node(kind)
}
