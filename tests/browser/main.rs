//! What people look at, in a real browser: Swagger UI's "Try it out" against `comfrey demo`.
//!
//! Needs `chromedriver` and `chromium`, so it is a test of its own: `./test browser` installs and runs it.
//! `COMFREY_TEST_SCREENSHOTS=FOLDER` keeps a picture of each page.

mod driver;

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;

use crate::driver::Browser;

/// The demo server on a port of its own; goes when dropped.
struct Demo {
    process: Child,
    origin: String,
    // kept open, since a program that cannot print ends
    _output: BufReader<ChildStdout>,
}

impl Demo {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_comfrey"))
            .args(["demo", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the demo starts");
        let mut output = BufReader::new(process.stdout.take().expect("its output is piped"));
        let lines = output.by_ref().lines().map_while(Result::ok);
        let mut words = lines.flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let page = words.find(|word| word.starts_with("http://")).expect("the demo says what to open");
        drop(words);
        Self { process, origin: page.trim_end_matches('/').to_owned(), _output: output }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Tries an operation out, as a person does, and gives the status and the body that the page shows.
fn try_out(browser: &Browser, origin: &str, operation: &str, fields: &[(&str, &str)]) -> (String, String) {
    browser.open("about:blank");
    browser.open(&format!("{origin}/swagger-ui/#/{operation}"));
    let block = ".opblock.is-open";
    browser.find(&format!("{block} .btn.execute"));
    for (name, value) in fields {
        browser.fill(&format!("{block} tr[data-param-name='{name}'] input"), value);
    }
    browser.click(&format!("{block} .btn.execute"));
    let answer = format!("{block} .live-responses-table .response");
    let status = browser.text(&format!("{answer} .response-col_status"));
    let body = browser.text(&format!("{answer} .response-col_description .highlight-code"));
    browser.picture(&operation.replace(['/', '%'], "_"));
    (status.lines().next().unwrap_or_default().trim().to_owned(), body)
}

#[test]
fn swagger_ui_tries_out_the_resources_and_the_screening() {
    let demo = Demo::start();
    let browser = Browser::start();
    for (operation, fields, words) in [
        ("CarePlan/searchCarePlan", &[("patient", "rosa")][..], "rosa-heart-plan"),
        ("Goal/searchGoal", &[("patient", "rosa")], "rosa-goal-breath"),
        ("Condition/searchCondition", &[("patient", "rosa")], "rosa-heart-failure"),
        ("Encounter/searchEncounter", &[("patient", "rosa")], "rosa-stay-1"),
        ("Palliative%20programme/palliativeScreenOnPatientById", &[("id", "rosa")], "eligible"),
    ] {
        let (status, body) = try_out(&browser, &demo.origin, operation, fields);
        assert_eq!(status, "200", "{operation}: {body}");
        assert!(body.contains(words), "{operation}: {body}");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_landing_page_leads_to_swagger_ui() {
    let demo = Demo::start();
    let browser = Browser::start();
    browser.open(&format!("{}/", demo.origin));
    assert!(browser.text("h1").contains("Comfrey"));
    browser.picture("landing");
    browser.click("a[href='/swagger-ui/']");
    assert!(browser.text(".info .title").contains("Comfrey"));
    browser.picture("swagger-ui");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
