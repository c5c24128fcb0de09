-- SPDX-License-Identifier: Apache-2.0

local alice = "alice@example.com"

local function start(settings)
    core{
        users = { alice }, outbounds = { "one", "two", "direct" },
        balancers = { { tag = "out", selector = { "one", "two" } } },
        rules = {
            { domain = { "full:one.example" }, outboundTag = "one" },
            { domain = { "full:two.example" }, outboundTag = "two" },
            { network = "tcp", balancerTag = "out" },
        },
    }
    settings = settings or {}
    settings.balancer, settings.outbounds = "out", { "one", "two" }
    return script("../rebalance.lua", settings)
end

-- So many bytes per second through the two outbounds, for some minutes.
local function carry(one, two, minutes)
    for _ = 1, minutes * 6 do
        traffic(alice, { target = "one.example:443", down = one * 10 })
        traffic(alice, { target = "two.example:443", down = two * 10 })
        advance("10s")
    end
end

local function target() return routing.GetBalancerInfo{ tag = "out" }.balancer.override.target end

test("new connections go where the least is carried, and the log says why", function()
    local rebalance = start()
    carry(2000000, 100000, 2)
    expect(target()):is("two")
    expect(connect(alice).outbound):is("two")
    expect(rebalance:log()):is{ "[Info] out goes to two, which carries 97.66 kB/s: it had no target" }
    carry(100000, 2000000, 7)
    expect(target()):is("one")
    expect(rebalance:log()):counts(2):matches("out goes to one, which carries .*: two carries")
end)

test("a small difference moves nothing", function()
    start{ hold = "0s" }
    carry(1000000, 900000, 2)
    expect(target()):is("two")
    carry(1000000, 1200000, 10)
    expect(target()):is("two")
    carry(800000, 1200000, 3)
    expect(target()):is("one")
end)

test("a target is held for a time, over a restart, too", function()
    local rebalance = start{ hold = "10m" }
    carry(2000000, 100000, 2)
    expect(target()):is("two")
    carry(100000, 2000000, 4)
    rebalance:reload()
    carry(100000, 2000000, 4)
    expect(target()):is("two")
    carry(100000, 2000000, 3)
    expect(target()):is("one")
end)

test("load is by weight", function()
    start{ weights = { one = 10 } }
    carry(2000000, 400000, 2)
    expect(target()):is("one")
end)

test("one short burst within the window does not decide alone", function()
    start{ hold = "0s", window = "5m" }
    carry(1000000, 500000, 6)
    expect(target()):is("two")
    traffic(alice, { target = "two.example:443", down = 30000000 })
    carry(1000000, 500000, 1)
    expect(target()):is("two")
end)

test("little traffic moves nothing", function()
    start{ hold = "0s" }
    carry(1000, 1, 2)
    carry(1, 1000, 5)
    expect(target()):is("two")
end)

test("settings are checked", function()
    expect(function() start{ margin = 200 } end):fails("margin: a number from 0 to 99")
    expect(function() script("../rebalance.lua", { balancer = "x", outbounds = { "a" } }) end):fails("at least two")
end)

test("a calendar that is set back does not hold the target", function()
    start()
    carry(2000000, 100000, 2)
    expect(target()):is("two")
    clock("2025-12-31 00:00", "UTC")
    carry(100000, 2000000, 2)
    expect(target()):is("one")
end)
