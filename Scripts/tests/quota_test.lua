-- SPDX-License-Identifier: Apache-2.0

test("a user who has used up the plan is cut off", function()
    core{ users = { "alice@example.com", "bob@example.com" } }
    local quota = script("../quota.lua", { plans = { ["Alice@example.com"] = "1MB" }, inbounds = { "in" } })
    local flow = connect("alice@example.com")
    traffic("bob@example.com", { up = size("1GB"), down = size("1GB") })
    advance("4s")
    expect(quota:log()):is{}

    flow:move{ up = 400000, down = 500000 }
    advance("2s")
    expect(quota:log()):is{ "[Warning] alice@example.com has used 85 % of the plan of 1.00 MB" }
    expect(emails()):is{ "alice@example.com", "bob@example.com" }

    flow:move{ down = 300000 }
    advance("2s")
    expect(quota:log()[2]):is(
        "[Warning] alice@example.com has used up the plan of 1.00 MB (1.14 MB used): removed from in, 1 connections closed")
    expect(emails()):is{ "bob@example.com" }
    expect(flow:is_open()):is_false()
end)
