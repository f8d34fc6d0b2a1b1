//! The shipped Istio manifests in the real Envoy: rendered by us, not recorded from Istio.

use e2e::istio::bootstrap::WEBDIS;
use e2e::istio::{Plan, Sidecar, allow, manifest, render::Extension};
use e2e::{Outcome, service, settings, until, verdict};
use serde_json::{Value, json};
use stack::{Asked, Request, answer, paths};

fn profile(name: &str) -> Request {
    Request::get(format!("{}/{name}", settings::PROFILES)).bearer("me")
}

/// A miss, a hit from memory, a hit from Redis after a restart.
fn tiers(sidecar: &mut Sidecar) -> Outcome {
    let request = profile("chrome");
    let first = sidecar.send(&request)?;
    verdict::stored(&first)?;
    sidecar.until_fills(1.0)?;
    verdict::hit(&sidecar.send(&request)?, "l1")?;
    sidecar.envoy.restart()?;
    let after = sidecar.send(&request)?;
    verdict::hit(&after, "l2")?;
    verdict::same(after.body, first.body, "the body")?;
    verdict::same(sidecar.origin.count(), 1, "how often the service was asked")
}

#[test]
fn the_plugin_answers_from_every_tier() {
    Plan::inbound("wasmplugin.yaml").play(service::numbered, tiers);
}

#[test]
fn a_traffic_extension_is_the_same_plugin_under_another_name() {
    let rendered = |file: &str| Extension::of(&manifest::documents(file).unwrap()).unwrap();
    let (plugin, mut extension) = (rendered("wasmplugin.yaml"), rendered("trafficextension.yaml"));
    assert_eq!(extension.name, "extensions.istio.io/trafficextension/fingerprint-api.fingerprint-cache");
    extension.name.clone_from(&plugin.name);
    assert_eq!(plugin, extension);
}

#[test]
fn the_metrics_have_labels_and_buckets_where_only_istios_prefixes_are_included() {
    Plan::inbound("wasmplugin.yaml").play(service::numbered, |sidecar| {
        verdict::stored(&sidecar.send(&profile("chrome"))?)?;
        sidecar.until_fills(1.0)?;
        verdict::hit(&sidecar.send(&profile("chrome"))?, "l1")?;
        let buckets = [("tier", "l1"), ("le", "35")];
        until("the buckets of pod.yaml", || {
            Ok(sidecar.envoy.metrics()?.has("fingerprint_cache_lookup_us_bucket", &buckets))
        })?;
        let page = sidecar.envoy.page("/stats/prometheus")?;
        for line in [
            "fingerprint_cache_requests_total{rule=\"profiles\",status=\"hit\",tier=\"l1\"} 1",
            "fingerprint_cache_requests_total{rule=\"profiles\",status=\"miss\",tier=\"origin\"} 1",
            "fingerprint_cache_forwarded_total{rule=\"profiles\",reason=\"uri_miss\"} 1",
            "fingerprint_cache_entries{rule=\"profiles\"} 1",
        ] {
            verdict::holds(page.lines().any(|have| have == line), &format!("{line} in\n{page}"))?;
        }
        let calls = sidecar.envoy.metrics()?.sum("envoy_cluster_upstream_rq_total", &[("cluster_name", WEBDIS)]);
        verdict::holds(calls > 0.0, &format!("{calls} calls to {WEBDIS}"))
    });
}

#[test]
fn the_access_log_has_what_did_not_come_from_the_cache() {
    Plan::inbound("wasmplugin.yaml").play(service::numbered, |sidecar| {
        verdict::stored(&sidecar.send(&profile("chrome"))?)?;
        verdict::hit(&sidecar.send(&profile("chrome"))?, "l1")?;
        verdict::untouched(&sidecar.send(&Request::get("/health"))?)?;
        until("two lines", || Ok(sidecar.log().len() >= 2))?;
        let lines = sidecar.log();
        let said: Vec<_> = lines.iter().map(|line| (line["path"].clone(), line["cache"].clone())).collect();
        let miss = (json!(format!("{}/chrome", settings::PROFILES)), json!("miss;uri_miss"));
        verdict::same(said, vec![miss, (json!("/health"), Value::Null)], "the log")?;
        verdict::same(lines[0]["tag"].clone(), json!("miss;uri_miss"), "the tag of the metrics")
    });
}

#[test]
fn a_hit_is_for_whom_the_policy_allows() {
    let plan = Plan::inbound("wasmplugin.yaml").policy(allow("x-caller", "known"));
    plan.play(service::numbered, |sidecar| {
        let known = profile("chrome").header("x-caller", "known");
        verdict::stored(&sidecar.send(&known)?)?;
        verdict::hit(&sidecar.send(&known)?, "l1")?;
        for request in [profile("chrome"), profile("chrome").header("x-caller", "other")] {
            let refused = sidecar.send(&request)?;
            verdict::answered(&refused, 403)?;
            verdict::untouched(&refused)?;
        }
        verdict::same(sidecar.origin.count(), 1, "how often the service was asked")
    });
}

/// Why no other phase will do; and that the test above would see it.
#[test]
fn in_an_early_phase_it_would_answer_whom_the_policy_refuses() {
    let plan = Plan::inbound("wasmplugin.yaml").policy(allow("x-caller", "known"));
    plan.change(|extension| extension.early = true).play(service::numbered, |sidecar| {
        verdict::stored(&sidecar.send(&profile("chrome").header("x-caller", "known"))?)?;
        verdict::hit(&sidecar.send(&profile("chrome"))?, "l1")?;
        verdict::answered(&sidecar.send(&profile("firefox"))?, 403)
    });
}

fn identify(session: &str) -> Request {
    let body = json!({ "tls_data": "AAEC", "http_headers": { "user-agent": "x" }, "session_id": session });
    Request::post(settings::IDENTIFY, body.to_string()).header("content-type", "application/json").bearer("me")
}

#[test]
fn the_filter_form_answers_a_post_by_its_body() {
    Plan::inbound("envoyfilter.yaml").play(service::identified, |sidecar| {
        verdict::stored(&sidecar.send(&identify("alpha"))?)?;
        sidecar.until_fills(1.0)?;
        let mine = sidecar.send(&identify("bravo"))?;
        verdict::hit(&mine, "l1")?;
        verdict::same(mine.json()?["session_id"].clone(), json!("bravo"), "the session")?;
        sidecar.envoy.restart()?;
        verdict::hit(&sidecar.send(&identify("charlie"))?, "l2")?;
        verdict::same(sidecar.origin.count(), 1, "how often the service was asked")
    });
}

#[test]
fn a_module_that_cannot_be_fetched_lets_everything_pass() {
    for file in ["wasmplugin.yaml", "envoyfilter.yaml"] {
        let plan = Plan::inbound(file).change(Extension::not_fetched);
        plan.play(service::numbered, |sidecar| {
            for asked in 1..=2 {
                let passed = sidecar.send(&profile("chrome"))?;
                verdict::answered(&passed, 200)?;
                verdict::untouched(&passed)?;
                verdict::same(sidecar.origin.count(), asked, "how often the service was asked")?;
            }
            Ok(())
        });
    }
}

/// Lets discovery find a configuration that the filter refuses, and waits until it has: it names what it does not know.
fn refused(sidecar: &mut Sidecar) -> Outcome {
    let mut plugin = sidecar.extension.plugin_config();
    settings::set(&mut plugin, "/nonsense", json!(1));
    sidecar.reconfigure(&plugin)?;
    until("the refusal", || Ok(paths::read(&sidecar.envoy.log())?.contains("nonsense")))
}

#[test]
fn a_changed_configuration_keeps_memory_and_a_refused_one_changes_nothing_at_first() {
    Plan::inbound("wasmplugin.yaml").play(service::numbered, |sidecar| {
        verdict::stored(&sidecar.send(&profile("chrome"))?)?;
        let said = |sidecar: &Sidecar| -> Result<String, String> {
            Ok(sidecar.send(&profile("chrome"))?.text("cache-status").unwrap_or_default())
        };
        let mut plugin = sidecar.extension.plugin_config();
        settings::set(&mut plugin, "/name", json!("renamed"));
        sidecar.reconfigure(&plugin)?;
        until("the new name", || Ok(said(sidecar)?.starts_with("renamed; hit")))?;
        refused(sidecar)?;
        verdict::holds(said(sidecar)?.starts_with("renamed; hit"), "the one before is in force")?;
        // A proxy that starts has no configuration to go on with: FPC_REFUSED=pass.
        sidecar.envoy.restart()?;
        let passed = sidecar.send(&profile("chrome"))?;
        verdict::answered(&passed, 200)?;
        verdict::untouched(&passed)?;
        let counted = || sidecar.sum("unexpected_total", &[("reason", "configuration")]);
        until("it is counted", || Ok(counted()? >= 1.0))?;
        // A good one is taken at once.
        sidecar.reconfigure(&plugin)?;
        until("the good configuration", || Ok(said(sidecar)?.starts_with("renamed; ")))?;
        // Nothing unexpected is counted where it starts with that one.
        sidecar.envoy.restart()
    });
}

/// What FAIL_OPEN does not cover, and `FPC_REFUSED` is for.
#[test]
fn a_proxy_that_starts_with_a_refused_configuration_would_answer_500() {
    Plan::inbound("wasmplugin.yaml").change(Extension::without_variables).play(service::numbered, |sidecar| {
        refused(sidecar)?;
        sidecar.envoy.restart()?;
        verdict::answered(&sidecar.send(&profile("chrome"))?, 500)
    });
}

#[test]
fn the_filter_form_passes_everything_where_its_configuration_is_refused() {
    Plan::inbound("envoyfilter.yaml").play(service::identified, |sidecar| {
        refused(sidecar)?;
        sidecar.envoy.restart()?;
        let passed = sidecar.send(&identify("alpha"))?;
        verdict::answered(&passed, 200)?;
        verdict::untouched(&passed)
    });
}

#[test]
fn the_listener_refuses_what_could_be_another_route() {
    Plan::inbound("wasmplugin.yaml").play(service::numbered, |sidecar| {
        verdict::answered(&sidecar.send(&profile("..%2f..%2fauth"))?, 400)?;
        verdict::answered(&sidecar.send(&profile("chrome").header("x_user", "me"))?, 400)?;
        verdict::stored(&sidecar.send(&profile("chrome"))?)?;
        verdict::hit(&sidecar.send(&profile("/./chrome"))?, "l1")
    });
}

/// webdis' own sidecar sees commands as paths: it must let the filter's through as they are, and no others.
#[test]
fn the_sidecar_of_webdis_lets_the_filters_commands_through_and_no_others() {
    let plan = Plan::inbound("wasmplugin.yaml").front(json!({}));
    plan.play(service::numbered, |sidecar| {
        every_script(sidecar)?;
        let front = sidecar.front.as_ref().ok_or("no sidecar of webdis")?.port();
        for path in ["/PING.raw", "/FLUSHALL.raw", "/KEYS/*.raw", "/0/EVAL/return/0.raw", "/", "/GET/fpc:log.raw"] {
            let refused = Request::get(path).send(front)?;
            verdict::answered(&refused, 403)?;
            verdict::holds(refused.body.starts_with(b"RBAC"), &format!("{path} is refused by the policy"))?;
        }
        verdict::answered(&Request::post("/EVAL/x", "y").send(front)?, 403)
    });
}

/// Whatever the mesh's `pathNormalization` is: `l2.yaml` keeps escaped slashes, and nothing else of it does harm.
#[test]
fn the_filters_commands_survive_the_strongest_normalisation_of_the_mesh() {
    let strongest = json!({ "merge_slashes": true, "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD" });
    Plan::inbound("wasmplugin.yaml").front(strongest).play(service::numbered, every_script);
}

/// Lookup, fill and reading of the log in [`tiers`], then an invalidation.
fn every_script(sidecar: &mut Sidecar) -> Outcome {
    tiers(sidecar)?;
    let begun = sidecar.redis.notices()?;
    let unsafe_one = Request::new("DELETE", format!("{}/chrome", settings::PROFILES)).bearer("me");
    verdict::answered(&sidecar.send(&unsafe_one)?, 200)?;
    until("the event in the log", || Ok(sidecar.redis.notices()? > begun))?;
    verdict::stored(&sidecar.send(&profile("chrome"))?)?;
    for op in ["lookup", "fill", "sync", "publish"] {
        let done = || sidecar.sum("l2_calls_total", &[("op", op), ("outcome", "ok")]);
        until(&format!("a {op} that succeeds"), || Ok(done()? > 0.0))?;
    }
    Ok(())
}

#[test]
fn the_gateways_filters_let_no_client_bring_a_fingerprint() {
    let variant = manifest::documents("variants/ingress-gateway.yaml").unwrap();
    let plan = Plan::inbound("variants/ingress-gateway.yaml").patched(variant[0].clone());
    let script = |asked: &Asked| {
        let ja4 = asked.header("x-ja4").map(|value| String::from_utf8_lossy(value).into_owned());
        answer(200, &[("cache-control", "max-age=60")], json!({ "ja4": ja4 }).to_string())
    };
    // Its rules are for the API's own host.
    let whoami = || Request::get("/v1/whoami").header("host", "api.example.com");
    plan.play(script, |sidecar| {
        let forged = whoami().header("x-ja4", "t13d1516h2_8daaf6152771_e5627efa2ab1");
        let first = sidecar.send(&forged)?;
        verdict::holds(!String::from_utf8_lossy(&first.body).contains("t13d"), "the forged one does not arrive")?;
        let again = sidecar.send(&whoami())?;
        let status = again.text("cache-status").unwrap_or_default();
        verdict::holds(status.starts_with("fingerprint-cache-edge; hit"), &status)
    });
}
