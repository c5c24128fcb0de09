// SPDX-License-Identifier: Apache-2.0

/// One line or two for what needs no longer example beside its description.
enum LibraryExamples {
    static let byName: [String: String] = [
        "schedule:cancel": "local tick = every(\"1s\", print)\nafter(\"1m\", function() tick:cancel() end)",
        "schedule:name": #"print(every("1s", print, { name = "tick" }):name())"#,
        "task:wait": "local task = spawn(function() sleep(\"1s\") end)\nassert(task:wait())",
        "task:cancel": #"local task = spawn(sleep, "1h") task:cancel()"#,
        "task:status": #"print(spawn(sleep, "1s"):status())"#,
        "subscription:cancel": """
        local watch
        watch = on("user.online", function() watch:cancel() end)
        """,
        "subscription:name": #"print(on("user.*", print):name())"#,
        "users.get": #"users.add("second-in", users.get("vless-in", "a@example.com"))"#,
        "users.count": #"print(users.count("vless-in"))"#,
        "users.online": "for _, email in ipairs(users.online()) do print(email) end",
        "users.traffic": #"print(size_text(users.traffic("a@example.com").total))"#,
        "inbounds.list": "for _, inbound in ipairs(inbounds.list()) do print(inbound.tag, inbound.protocol) end",
        "outbounds.list": "for _, outbound in ipairs(outbounds.list()) do print(outbound.tag, outbound.protocol) end",
        "rules.list": "for _, rule in ipairs(rules.list()) do print(rule.ruleTag, rule.tag) end",
        "inbounds.remove": #"assert(inbounds.remove("extra"))"#,
        "outbounds.remove": #"assert(outbounds.remove("backup"))"#,
        "balancers.get": #"print(table.concat(balancers.get("fast").targets, ", "))"#,
        "balancers.release": #"assert(balancers.release("fast"))"#,
        "flows.close": #"log.info(flows.close{ email = "a@example.com" }, "connections closed")"#,
        "log.debug": #"log.debug("looked at", users.count("vless-in"), "users")"#,
        "log.info": #"log.info("it is", time.format(time.now(), "%H:%M"))"#,
        "log.warning": #"log.warning("a@example.com has used", size_text(size("40GB")))"#,
        "log.error": #"log.error("nobody answers")"#,
        "log.files": "for _, file in ipairs(log.files()) do print(file.path, size_text(file.size)) end",
        "log.restart": "assert(log.restart())",
        "print": #"print("total", stats.get("inbound>>>vless-in>>>traffic>>>uplink"))"#,
        "store.get": #"local seen = store.get("seen") or {}"#,
        "store.incr": #"print(store.incr("runs"), store.incr("bytes", 1500))"#,
        "store.delete": #"store.delete("seen")"#,
        "store.list": #"for key, value in pairs(store.list("user/")) do print(key, value) end"#,
        "store.keys": #"print(#store.keys("user/"), "users are known")"#,
        "files.read": #"local text = files.read("2026/may.csv")"#,
        "files.list": #"for _, file in ipairs(files.list("2026/")) do print(file.name, file.size) end"#,
        "files.remove": #"files.remove("2026/may.csv")"#,
        "time.now": #"store.set("last", time.now())"#,
        "time.uptime": "local began = time.uptime()\nprint(time.uptime() - began)",
        "duration": #"print(duration("1h30m"))  -- 5400.0"#,
        "size": #"print(size("1.5kB"))  -- 1536"#,
        "size_text": #"print(size_text(1536))  -- 1.50 kB"#,
        "ip.bytes": #"print(#ip.bytes("2001:db8::1"))  -- 16"#,
        "json.encode": #"print(json.encode{ user = "a", sums = { 1, 2 } })"#,
        "json.decode": #"print(json.decode('{"sums": [1, 2]}').sums[2])"#,
        "hash.sha256": #"print(hash.sha256("text"))"#,
        "hash.sha512": #"print(hash.sha512("text"))"#,
        "hash.sha1": #"print(hash.sha1("text"))"#,
        "hash.md5": #"print(hash.md5("text"))"#,
        "base64.encode": #"print(base64.encode("user:password"))"#,
        "base64.decode": #"print(base64.decode("dGV4dA=="))"#,
        "http.request": """
        local answer, why = http.request{ method = "PUT", url = "https://example.com/limits", body = { alice = "50GB" } }
        if not answer then log.warning(why) end
        """,
        "core.session": #"if store.get("session") ~= core.session then store.set("session", core.session) end"#,
        "stream:next": "local stream = routing.SubscribeRoutingStats{}\nprint(stream:next().OutboundTag)",
        "stream:close": "local stream <close> = routing.SubscribeRoutingStats{}",

        "handler.AddInbound":
            #"handler.AddInbound{ tag = "extra", listen = "127.0.0.1", port = 1081, protocol = "socks" }"#,
        "handler.RemoveInbound": #"handler.RemoveInbound{ tag = "extra" }"#,
        "handler.ListInbounds":
            "for _, inbound in ipairs(handler.ListInbounds{ isOnlyTags = true }.inbounds) do print(inbound.tag) end",
        "handler.GetInboundUsers":
            #"for _, user in ipairs(handler.GetInboundUsers{ tag = "vless-in" }.users) do print(user.email) end"#,
        "handler.GetInboundUsersCount": #"print(handler.GetInboundUsersCount{ tag = "vless-in" }.count)"#,
        "handler.AddOutbound": #"handler.AddOutbound{ tag = "backup", protocol = "freedom" }"#,
        "handler.RemoveOutbound": #"handler.RemoveOutbound{ tag = "backup" }"#,
        "handler.AlterOutbound":
            #"print(pcall(handler.AlterOutbound, { tag = "backup" }))  -- there is no operation on outbounds"#,
        "handler.ListOutbounds":
            "for _, outbound in ipairs(handler.ListOutbounds{}.outbounds) do print(outbound.tag) end",
        "routing.TestRoute": """
        print(routing.TestRoute{ RoutingContext = { TargetDomain = "example.com", Network = "TCP" } }.OutboundTag)
        """,
        "routing.GetBalancerInfo": #"print(routing.GetBalancerInfo{ tag = "fast" }.balancer.override.target)"#,
        "routing.AddRule":
            #"routing.AddRule{ ruleTag = "no-ads", domain = { "domain:ads.example" }, outboundTag = "block" }"#,
        "routing.RemoveRule": #"routing.RemoveRule{ ruleTag = "no-ads" }"#,
        "routing.ListRule": "for _, rule in ipairs(routing.ListRule{}.rules) do print(rule.ruleTag, rule.tag) end",
        "stats.GetStats": #"print(stats.GetStats{ name = "inbound>>>vless-in>>>traffic>>>uplink" }.stat.value)"#,
        "stats.GetStatsOnline": #"print(stats.GetStatsOnline{ name = "user>>>a@example.com>>>online" }.stat.value)"#,
        "stats.GetSysStats": "print(stats.GetSysStats{}.Uptime)",
        "stats.GetStatsOnlineIpList": """
        local name = "user>>>a@example.com>>>online"
        for ip, since in pairs(stats.GetStatsOnlineIpList{ name = name }.ips) do print(ip, since) end
        """,
        "stats.GetAllOnlineUsers": "for _, name in ipairs(stats.GetAllOnlineUsers{}.users) do print(name) end",
        "stats.GetUsersStats": """
        for _, user in ipairs(stats.GetUsersStats{ include_traffic = true }.users) do
            print(user.email, #user.ips, user.traffic.uplink + user.traffic.downlink)
        end
        """,
        "logger.RestartLogger": "logger.RestartLogger{}",
        "observatory.GetOutboundStatus": "print(pcall(observatory.GetOutboundStatus, {}))",
        "flow.ListFlows":
            #"print(flow.ListFlows{ selector = { user_email = "a@example.com" }, limit = 1 }.total, "connections")"#,
        "flow.CloseFlows": #"print(flow.CloseFlows{ selector = { outbound_tag = "backup" } }.closed)"#,
        "core.Reload": "for _, change in ipairs(core.Reload{ dry_run = true }.changes) do print(change) end",
    ]
}
