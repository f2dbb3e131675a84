//! A headless Chromium, driven by WebDriver. <https://www.w3.org/TR/webdriver2/>

use std::net::TcpListener;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

/// How long a page may take for what is waited for; a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(180);
/// The key under which WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with a profile of its own; goes when dropped.
pub struct Browser {
    process: Child,
    http: reqwest::blocking::Client,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts chromedriver and a browser.
    pub fn start() -> Self {
        // The port is free a moment ago; chromedriver says so if it no longer is.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .spawn()
            .expect("chromedriver starts; `./test browser` installs it");
        let profile = tempfile::tempdir().unwrap();
        let http = reqwest::blocking::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let origin = format!("http://127.0.0.1:{port}");
        let mut browser = Self { process, http, session: origin.clone(), _profile: profile };
        let profile = format!("--user-data-dir={}", browser._profile.path().display());
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,1600",
            &profile,
        ];
        let options = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments }, "goog:loggingPrefs": { "browser": "SEVERE" } } } });
        let made = browser.wait("chromedriver to start a browser", |browser| {
            browser.call("POST", "/session", &options).ok()
        });
        let id = made["sessionId"].as_str().expect("a session has an id");
        browser.session = format!("{origin}/session/{id}");
        browser
    }

    /// Opens a page.
    pub fn open(&self, url: &str) {
        self.call("POST", "/url", &json!({ "url": url })).unwrap_or_else(|wrong| panic!("{url}: {wrong}"));
    }

    /// Waits for an element that can be seen.
    pub fn find(&self, css: &str) -> String {
        self.wait(css, |browser| {
            let query = json!({ "using": "css selector", "value": css });
            let found = browser.call("POST", "/element", &query).ok()?[ELEMENT].as_str()?.to_owned();
            let shown = browser.call("GET", &format!("/element/{found}/displayed"), &Value::Null).ok()?;
            (shown == true).then_some(found)
        })
    }

    /// Clicks on an element as soon as that can be done.
    pub fn click(&self, css: &str) {
        self.wait(css, |browser| {
            let element = browser.find(css);
            browser.call("POST", &format!("/element/{element}/click"), &json!({})).ok()
        });
    }

    /// Replaces what an input holds.
    pub fn fill(&self, css: &str, value: &str) {
        self.wait(css, |browser| {
            let element = browser.find(css);
            browser.call("POST", &format!("/element/{element}/clear"), &json!({})).ok()?;
            browser.call("POST", &format!("/element/{element}/value"), &json!({ "text": value })).ok()
        });
    }

    /// The text of an element, once it has any.
    pub fn text(&self, css: &str) -> String {
        self.wait(css, |browser| {
            let element = browser.find(css);
            let text = browser.call("GET", &format!("/element/{element}/text"), &Value::Null).ok()?;
            text.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned)
        })
    }

    /// What the page's console holds of errors: failed scripts, refused loads.
    pub fn complaints(&self) -> Vec<String> {
        let log =
            self.call("POST", "/se/log", &json!({ "type": "browser" })).expect("the console can be read");
        let messages = log.as_array().into_iter().flatten().filter_map(|entry| entry["message"].as_str());
        messages.map(str::to_owned).collect()
    }

    /// Keeps a picture of the page, where a folder for pictures is named.
    pub fn picture(&self, name: &str) {
        let Ok(folder) = std::env::var("COMFREY_TEST_SCREENSHOTS") else { return };
        let picture = self.call("GET", "/screenshot", &Value::Null).expect("a picture can be taken");
        let bytes = STANDARD.decode(picture.as_str().unwrap_or_default()).expect("it is base64");
        std::fs::write(format!("{folder}/{name}.png"), bytes).expect("the folder can be written to");
    }

    fn wait<T>(&self, what: &str, mut tried: impl FnMut(&Self) -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = tried(self) {
                return found;
            }
            assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let url = format!("{}{path}", self.session);
        let call =
            if method == "GET" { self.http.get(url) } else { self.http.post(url).body(body.to_string()) };
        let answer = call.send().map_err(|error| error.to_string())?;
        let status = answer.status();
        let text = answer.text().map_err(|error| error.to_string())?;
        let mut value: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        if status.is_success() { Ok(value["value"].take()) } else { Err(text) }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.http.delete(&self.session).send();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
