//! `fpcache check` as an operator runs it: the binary, on files.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn run(arguments: &[&str]) -> Output {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    Command::new(env!("CARGO_BIN_EXE_fpcache")).args(arguments).current_dir(fixtures).output().unwrap()
}

/// The exit status, standard output and standard error of `fpcache check` with `arguments`.
fn check(arguments: &[&str]) -> (i32, String, String) {
    let output = run(&[&["check"], arguments].concat());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn check_json(file: &str) -> (i32, Value) {
    let (status, stdout, stderr) = check(&["--json", file]);
    assert_eq!(stderr, "");
    (status, serde_json::from_str(&stdout).unwrap())
}

#[test]
fn a_good_file_is_ok_and_shown_with_its_defaults() {
    let (status, stdout, stderr) = check(&["plain.json"]);
    let expected = "\
plain.json
  ok
  effective configuration:
    fill:
      lease: 3s
      uncacheable: 5s
      wait: 500ms
    memory:
      max_bytes: 10MiB
      max_entries: 10000
      ttl: 5m
    name: fingerprint-cache
    rules:
    - auth: shared
      client_directives: honor
      credentials:
      - authorization
      - proxy-authorization
      - cookie
      - x-api-key
      freshness:
        early_refresh: true
        status: {}
      key:
        headers: []
        max_body: 64KiB
        properties: []
        query:
          ignore: []
          sort: false
      match:
        hosts:
        - '*'
        methods:
        - GET
        - HEAD
        paths:
        - /v1/profiles/**
      max_response: 512KiB
      name: profiles
      set_cookie: refuse
      show_key: false
      strip:
      - x-ratelimit-*
      - x-quota-*
      tags: []
    schema_version: '1'
    sync:
      interval: 250ms
      max_lag: 5s
";
    assert_eq!((status, stdout.as_str(), stderr.as_str()), (0, expected, ""));
}

#[test]
fn what_is_shown_can_be_checked_again() {
    let (status, first) = check_json("plain.yaml");
    assert_eq!((status, &first["ok"]), (0, &json!(true)));
    let effective = &first["configurations"][0]["effective"];
    assert_eq!(effective["rules"][1]["key"]["json"]["echo"], json!(["/session_id"]));
    assert_eq!(effective["rules"][0]["freshness"]["status"], json!({ "404": "10s", "503": "1s" }));
    assert_eq!(effective["rules"][0]["refresh"], json!({ "cluster": "api", "headers": {}, "timeout": "10s" }));
    let mut child = Command::new(env!("CARGO_BIN_EXE_fpcache"))
        .args(["check", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(effective.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let second: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(&second["configurations"][0]["effective"], effective);
    assert_eq!(second["configurations"][0]["place"], "standard input");
}

#[test]
fn every_problem_is_a_line_with_its_remedy() {
    let (status, stdout, stderr) = check(&["faults.yaml"]);
    let expected = "\
faults.yaml
  memory.max_bytes: \"10MB\" is not a size; write \"10MiB\"
  memory.max_entrys: is an unknown field; did you mean `max_entries`?
  rules[0].name: \"Profiles\" is not a name for a rule; write 1 to 40 of a-z, 0-9, _ and -
  rules[0].match.path: \"v1/profiles\" does not begin with a slash; write \"/v1/profiles\"
  rules[0].freshness.status.206: \"206\" is for a part of an answer, which lasts as long as the whole; remove it
  rules[0].tags[0]: \"a b\" is not a tag; write 1 to 64 of A-Z, a-z, 0-9, ., _, : and -

6 problems. Correct them and check again.
";
    assert_eq!((status, stdout.as_str(), stderr.as_str()), (1, expected, ""));
    let (status, tree) = check_json("faults.yaml");
    assert_eq!((status, &tree["ok"]), (1, &json!(false)));
    let remedy = "write 1 to 64 of A-Z, a-z, 0-9, ., _, : and -";
    let problem = json!({ "path": "rules[0].tags[0]", "wrong": "\"a b\" is not a tag", "remedy": remedy });
    assert_eq!(tree["configurations"][0]["problems"][5], problem);
    assert_eq!(tree["configurations"][0]["effective"], Value::Null);
}

#[test]
fn a_member_that_stands_in_json_twice_is_seen() {
    let (status, stdout, _) = check(&["twice.json"]);
    assert_eq!(stdout, "twice.json\n  name: stands there twice; keep one\n\n1 problem. Correct it and check again.\n");
    assert_eq!(status, 1);
}

#[test]
fn the_configuration_is_found_in_an_envoy_bootstrap() {
    let (status, tree) = check_json("envoy.yaml");
    assert_eq!((status, tree["configurations"].as_array().unwrap().len()), (0, 1));
    let rest = "filter_chains[0].filters[0].typed_config.http_filters[0].typed_config.config.configuration";
    // The second listener has the filters of the first, by an alias.
    let place = format!("envoy.yaml: static_resources.listeners[0].{rest}, static_resources.listeners[1].{rest}");
    assert_eq!(tree["configurations"][0]["place"], place);
    assert_eq!(tree["configurations"][0]["effective"]["redis"]["cluster"], "webdis");
    assert_eq!(tree["configurations"][0]["notes"], json!([]));
}

#[test]
fn a_struct_and_yaml_in_a_string_are_refused_where_envoy_would_not() {
    let (status, stdout, _) = check(&["lds.yaml"]);
    let place = "lds.yaml: resources[0].filter_chains[0].filters[0].typed_config.http_filters";
    let expected = format!(
        "{place}[0].typed_config.config.configuration\n  \
         configuration: is a google.protobuf.Struct, which Envoy hands to the filter as protobuf bytes; write \
         {{ \"@type\": type.googleapis.com/google.protobuf.StringValue, value: '{{...}}' }} with the configuration as JSON\n  \
         rules[0].match.path: \"*\" is not a path; write \"/**\" for all paths\n\n\
         {place}[1].typed_config.config.configuration\n  \
         configuration: is not a JSON object: expected value at line 1 column 1; write JSON, as in \
         {{\"rules\": [{{\"name\": \"profiles\", \"match\": {{\"paths\": [\"/v1/profiles/**\"]}}}}]}}; \
         `fpcache check` reads YAML as well\n\n\
         3 problems. Correct them and check again.\n"
    );
    assert_eq!((status, stdout), (1, expected));
}

#[test]
fn the_configuration_is_found_in_every_istio_resource() {
    let (status, tree) = check_json("istio.yaml");
    assert_eq!(status, 1);
    let found = tree["configurations"].as_array().unwrap().iter();
    let found: Vec<_> = found.map(|found| (found["place"].as_str().unwrap(), found["ok"].as_bool().unwrap())).collect();
    let expected = [
        ("istio.yaml, document 2: WasmPlugin cache: spec.pluginConfig", true),
        ("istio.yaml, document 3: TrafficExtension cache-next: spec.wasm.pluginConfig", true),
        (
            "istio.yaml, document 4: EnvoyFilter cache-bodies: spec.configPatches[0].patch.value.typed_config.config\
             .configuration",
            true,
        ),
        ("istio.yaml, document 5: items[0], WasmPlugin wrong: spec.pluginConfig", false),
    ];
    assert_eq!(found, expected);
    let statuses = &tree["configurations"][0]["effective"]["rules"][0]["freshness"]["status"];
    assert_eq!(statuses, &json!({ "404": "10s" }));
}

#[test]
fn a_body_key_where_the_filter_gets_no_bodies_is_noted() {
    let (_, tree) = check_json("istio.yaml");
    let note = "rules[1] (\"identify\") keys on the request body and will pass every request: this kind cannot set \
        `allow_on_headers_stop_iteration`: insert the filter by an EnvoyFilter";
    assert_eq!(tree["configurations"][0]["notes"], json!([note]));
    assert_eq!(tree["configurations"][1]["notes"], json!([]));
    let note = "rules[0] (\"identify\") keys on the request body and will pass every request: its PluginConfig does not \
        say `allow_on_headers_stop_iteration: true`: add it there";
    assert_eq!(tree["configurations"][2]["notes"], json!([note]));
    assert!(check(&["istio.yaml"]).1.contains("  note: rules[1] (\"identify\") keys on"));
}

#[test]
fn nothing_to_judge_is_another_status_than_a_problem() {
    let (status, stdout, stderr) = check(&["missing.yaml"]);
    assert_eq!((status, stdout.as_str()), (2, ""));
    assert!(stderr.starts_with("Cannot read missing.yaml: ") && stderr.contains("Name a file that exists"), "{stderr}");

    let (status, stdout, stderr) = check(&["broken.yaml"]);
    assert_eq!((status, stdout.as_str()), (2, ""));
    assert!(stderr.starts_with("broken.yaml is neither JSON nor YAML: ") && stderr.contains("Correct it"), "{stderr}");

    let (status, stdout, stderr) = check(&["other.yaml"]);
    assert_eq!((status, stdout.as_str()), (2, ""));
    assert!(stderr.starts_with("other.yaml holds no configuration of fingerprint-cache. Name a file"), "{stderr}");
    assert!(stderr.contains("Skipped") && stderr.contains("other.yaml: WasmPlugin waf: spec.pluginConfig"), "{stderr}");

    assert_eq!(run(&["chekc"]).status.code(), Some(2));
    assert_eq!(run(&["check"]).status.code(), Some(2));
}

#[test]
fn an_empty_file_is_told_what_the_least_is() {
    let (status, stdout, _) = check(&["empty.yaml"]);
    assert_eq!(status, 1);
    assert!(stdout.contains("configuration: is empty") && stdout.contains("write at least {\"rules\""), "{stdout}");
}
