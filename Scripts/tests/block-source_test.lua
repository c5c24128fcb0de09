-- SPDX-License-Identifier: Apache-2.0

local alice = "alice@example.com"

local function start(settings)
    core{ users = { alice }, outbounds = { "direct", "blocked" } }
    return script("../block-source.lua", settings)
end

local function refuse(source, times)
    for _ = 1, times do reject("in", source) end
end

local function outbound(source) return connect(alice, { source = source }).outbound end

test("an address with many refused handshakes is blocked for a time", function()
    local block = start{ attempts = 5, window = "1m", block = "1h" }
    refuse("203.0.113.9", 4)
    expect(outbound("203.0.113.9")):is("direct")
    local flow = connect(alice, { source = "203.0.113.9" })
    refuse("203.0.113.9", 1)
    expect(outbound("203.0.113.9")):is("blocked")
    expect(outbound("203.0.113.8")):is("direct")
    expect(flow:is_open()):is_false()
    expect(block:log()):matches("203.0.113.9 is blocked for 3600 s: 5 refused handshakes within 60 s, %d connections closed")
    advance("59m")
    expect(outbound("203.0.113.9")):is("blocked")
    advance("61s")
    expect(outbound("203.0.113.9")):is("direct")
    expect(#rules.list()):is(0)
    expect(block:log()):contains("203.0.113.9 is free again")
end)

test("refused handshakes that are far apart do not count together", function()
    start{ attempts = 3, window = "1m" }
    for _ = 1, 10 do
        refuse("203.0.113.9", 1)
        advance("31s")
    end
    expect(outbound("203.0.113.9")):is("direct")
end)

test("addresses of both families are blocked", function()
    start{ attempts = 2 }
    refuse("2001:db8::7", 2)
    expect(outbound("2001:db8::7")):is("blocked")
    expect(outbound("2001:db8::8")):is("direct")
end)

test("addresses that are allowed are never blocked", function()
    start{ attempts = 2, allow = { "10.0.0.0/8", "192.0.2.7", "2001:db8::/32" } }
    for _, source in ipairs{ "10.200.0.1", "192.0.2.7", "2001:db8:1::1", "192.0.2.8" } do refuse(source, 5) end
    expect(outbound("10.200.0.1")):is("direct")
    expect(outbound("192.0.2.7")):is("direct")
    expect(outbound("2001:db8:1::1")):is("direct")
    expect(outbound("192.0.2.8")):is("blocked")
end)

test("blocks hold over restarts and reloads, and end in time", function()
    local block = start{ attempts = 2, block = "10m" }
    refuse("203.0.113.9", 2)
    restart()
    expect(outbound("203.0.113.9")):is("blocked")
    block:reload()
    advance("1s")
    expect(#rules.list(), "one rule only"):is(1)
    advance("10m")
    expect(outbound("203.0.113.9")):is("direct")
end)

test("only the inbounds that are named count", function()
    core{ inbounds = { one = { alice }, two = { alice } } }
    script("../block-source.lua", { attempts = 2, inbounds = { "one" } })
    for _ = 1, 5 do reject("two", "203.0.113.9") end
    expect(#rules.list()):is(0)
    for _ = 1, 2 do reject("one", "203.0.113.9") end
    expect(#rules.list()):is(1)
end)

test("lines of the log may count, too", function()
    local block = start{ attempts = 3, patterns = { "rejected a connection from ([%x.:]+):%d+: replay" } }
    for _ = 1, 2 do reject("in", "203.0.113.9", "replayed request") end
    expect(outbound("203.0.113.9"), "two refusals and two lines"):is("blocked")
    expect(block:log()):contains("203.0.113.9 is blocked")
end)

test("there is a bound to how many are blocked", function()
    local block = start{ attempts = 1, most = 3 }
    for index = 1, 5 do refuse("203.0.113." .. index, 1) end
    expect(#rules.list()):is(3)
    expect(block:log()):contains("203.0.113.5 is not blocked: 3 addresses are")
end)

test("settings are checked", function()
    expect(function() start{ allow = { "10.0.0.0/33" } } end):fails('found "10.0.0.0/33"')
end)
