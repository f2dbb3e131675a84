//! What is no expression, cannot be told, or would cost too much.

use proptest::prelude::*;

use super::*;

#[test]
fn what_is_no_expression_is_refused_with_the_reason() {
    for (text, problem) in [
        ("name.", "too early"),
        ("name.given(", "not known"),
        ("name.frobnicate()", "`frobnicate()` is not known"),
        ("name.first(1)", "arguments"),
        ("now()", "not known"),
        ("%nothing", "`%nothing` is not known"),
        ("'open", "does not end"),
        ("name)", "`)`"),
        ("a = ", "too early"),
        ("'a'.matches('(')", "pattern"),
        ("'a'.matches(name)", "not a literal"),
        ("@2026-13", "does not exist"),
        ("", "too early"),
        ("é", "`é`"),
        ("$that", "`$that`"),
    ] {
        let error = Expression::compile(text).expect_err(text);
        assert!(error.contains(problem), "{text}: {error}");
    }
    for deep in ["(", "-", "a.where(", "1 + (", "{", "a.", "1+", "1 is "] {
        assert!(Expression::compile(&deep.repeat(2_000)).is_err(), "nesting must not overflow the stack");
    }
    for (again, last) in
        [(".a", "a"), ("+1", "1"), ("[0]", "a"), (" is X", "1"), (" | 'a'", "'a'"), (".a()", "a")]
    {
        let error =
            |times| Expression::compile(&format!("{last}{}", again.repeat(times))).err().unwrap_or_default();
        assert!(error(2_500).contains(if again == ".a()" { "not known" } else { "too deep" }), "{again}");
        assert!(!error(190).contains("too deep"), "{again}");
    }
    // The height is that of the whole, not of each chain.
    let chains = (0..20).fold("a".to_owned(), |inner, _| format!("a.where({inner}){}", ".a".repeat(20)));
    assert!(Expression::compile(&chains).expect_err("400 levels").contains("too deep"));
    let patterns = |count| Expression::compile(&format!("'a'{}", ".replaceMatches('a', 'a')".repeat(count)));
    assert_eq!(patterns(8).expect("few").patterns(), 8);
    assert!(patterns(9).expect_err("many").contains("patterns"));
}

#[test]
fn what_cannot_be_evaluated_is_an_error_and_ends() {
    let patient = patient();
    for (text, problem) in [
        ("name.given + 'x'", "several"),
        ("name.given > 1", "several"),
        ("telecom.single()", "several"),
        ("gender > 1", "no order"),
        ("gender + 1", "reckoned"),
        ("name.is(HumanName)", "more than one"),
        ("name.given and true", "several"),
        ("gender.memberOf('http://a.org/vs')", "not held"),
        ("conformsTo('http://a.org/profile')", "not held"),
        ("1.repeat($this + 1)", "too many steps"),
    ] {
        let error = found(text, &patient).expect_err(text);
        assert!(error.contains(problem), "{text}: {error}");
    }
    let grows = format!("'a'{}", ".replace('a', 'aaaaaaaaaaaaaaaa')".repeat(9));
    assert!(found(&grows, &patient).expect_err("it grows").contains("too long"));
}

#[test]
fn what_grows_is_counted_before_it_fills_the_memory() {
    let patient = patient();
    let forty = "'1234567890123456789012345678901234567890'.toChars()";
    let text = format!("({forty}.select('aaaaaaaaaa').join(''))");
    for (path, problem) in [
        (format!("{forty}.aggregate($total.combine($total), 1)"), "too many steps"),
        (format!("1{}", ".iif(true, $this.combine($this))".repeat(40)), "too many steps"),
        (format!("{forty}.aggregate($total & $total, 'a')"), "too long"),
        (format!("{forty}.aggregate($total + $total, 'a')"), "too long"),
        (format!("{forty}.take(23).aggregate($total & $total, 'a').toChars()"), "too many steps"),
        (format!("{forty}.take(23).aggregate($total & $total, 'a').split('')"), "too many steps"),
        // Copies of one long text are more than their number.
        (
            format!("{forty}.take(23).aggregate($total & $total, 'a').iif(true, {}.count())", doubled(14)),
            "too many steps",
        ),
        (format!("{text}.select({forty}).aggregate($total.combine($total), 'a').count()"), "too many steps"),
        (format!("{forty}.take(18).aggregate($total.combine($total), 1).join({text} & {text})"), "too long"),
        (format!("{text}.replaceMatches('.*', '{}')", "$0".repeat(7_000)), ""),
        (
            format!(
                "{forty}.take(15).aggregate($total & $total, 'a').replaceMatches('.*', '{}')",
                "$0".repeat(5_000)
            ),
            "too long",
        ),
    ] {
        match found(&path, &patient) {
            Ok(_) => assert_eq!(problem, "", "{path}"),
            Err(error) => assert!(!problem.is_empty() && error.contains(problem), "{path}: {error}"),
        }
    }
    // Numbers that have no end of digits are none.
    let small = json!({ "resourceType": "Observation", "valueQuantity": { "value": 1e-900 } });
    let power = format!("{forty}.aggregate($total * $total, %resource.value.value).toString()");
    assert_eq!(found(&power, &small), Ok(vec![]));
}

/// `$this` twice as often with each call.
fn doubled(times: usize) -> String {
    format!("$this{}", ".iif(true, $this.combine($this))".repeat(times))
}

#[test]
fn expressions_may_share_one_budget() {
    let (patient, definitions) = (patient(), definitions());
    let costly = Expression::compile("Patient.descendants().select(%resource.descendants()).count() > 0");
    let costly = costly.expect("an expression");
    let mut budget = Budget::default();
    let mut hold = || holds(&costly, &definitions.shapes, Scope::of(&patient), &mut budget);
    assert_eq!(hold(), Ok(Some(true)));
    let all = (0..10_000).find_map(|_| hold().err());
    assert!(all.expect("the budget ends").contains("too many steps"));
    assert_eq!(budget.left(), 0);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        text in "([a-z]{1,4}|Patient|name|given|\\.|\\(|\\)|\\[|\\]|'a'|1|@2026|\\$this|%resource|where|select|repeat|descendants|is|as|and|or|=|<|\\+|-|\\||\\{\\}| ){0,24}"
    ) {
        if let Ok(expression) = Expression::compile(&text) {
            let patient = patient();
            let _ = holds(&expression, &definitions().shapes, Scope::of(&patient), &mut Budget::default());
            let _ = locate(&expression, &definitions().shapes, &patient, &mut Budget::default());
        }
    }
}
