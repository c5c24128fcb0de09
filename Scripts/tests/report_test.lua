-- SPDX-License-Identifier: Apache-2.0

local alice, bob = "alice@example.com", "bob@example.com"

local function start(settings)
    core{ users = { alice, bob } }
    settings = settings or {}
    settings.zone = settings.zone or "UTC"
    return script("../report.lua", settings)
end

test("a day's usage is written for users, inbounds and outbounds", function()
    start()
    traffic(alice, { up = 10, down = 200 })
    traffic(bob, { up = 1, down = 2 })
    traffic(alice, { up = 5 })
    advance("5m")
    expect(files.read("usage-2026-01-01.csv")):is(
        "kind,name,up,down\ninbound,in,16,202\noutbound,direct,16,202\nuser,alice@example.com,15,200\nuser,bob@example.com,1,2\n")
end)

test("each day has a file of its own, begun at midnight of the zone", function()
    clock("2026-05-05 23:58", "Asia/Tehran")
    start{ zone = "Asia/Tehran", interval = "1h" }
    traffic(alice, { up = 7 })
    advance("2m")
    traffic(alice, { up = 9 })
    advance("1h")
    expect(files.read("usage-2026-05-05.csv")):contains("user,alice@example.com,7,0")
    expect(files.read("usage-2026-05-06.csv")):contains("user,alice@example.com,9,0")
end)

test("no byte is lost or counted twice over restarts, reloads and resets by others", function()
    local report = start{ interval = "1m" }
    local moved = 0
    for step = 1, 12 do
        traffic(alice, { up = 1000 + step })
        moved = moved + 1000 + step
        if step % 2 == 0 then stats.QueryStats{ reset = true } end
        if step % 3 == 0 then advance("1m") end
        if step % 4 == 0 then report:reload() end
        if step % 5 == 0 then restart() end
    end
    advance("1m")
    expect(files.read("usage-2026-01-01.csv")):contains(("user,alice@example.com,%d,0\n"):format(moved))
end)

test("only so many days are kept", function()
    start{ keep = 3, interval = "1h" }
    files.write("usage-notes.csv", "mine")
    advance("5d")
    local names = {}
    for _, file in ipairs(files.list("usage-")) do names[#names + 1] = file.name end
    expect(names):is{ "usage-2026-01-04.csv", "usage-2026-01-05.csv", "usage-2026-01-06.csv", "usage-notes.csv" }
end)

test("names cannot break the table", function()
    core{ users = { '=1+1,"x"' } }
    script("../report.lua", { zone = "UTC", interval = "1m" })
    traffic('=1+1,"x"', { up = 1 })
    advance("1m")
    expect(files.read("usage-2026-01-01.csv")):contains([[user,"'=1+1,""x""",1,0]])
end)

test("a calendar that is wrong for a while costs no day its sums", function()
    clock("2026-05-10 12:00", "UTC")
    start{ interval = "1m" }
    traffic(alice, { up = 7 })
    traffic(bob, { up = 100 })
    advance("1m")
    clock("2024-01-01 00:00", "UTC")
    restart()
    traffic(alice, { up = 1 })
    advance("1m")
    expect(files.read("usage-2024-01-01.csv")):contains("user,alice@example.com,1,0"):lacks("bob")
    clock("2026-05-10 12:10", "UTC")
    advance("1m")
    traffic(alice, { up = 4 })
    advance("1m")
    expect(files.read("usage-2026-05-10.csv")):contains("user,alice@example.com,11,0"):contains("user,bob@example.com,100,0")
end)

test("there may be so many users that one value of the store cannot hold them", function()
    local users = {}
    -- Long names make few users many.
    for index = 1, 5000 do users[index] = ("%s%d@example.com"):format(("x"):rep(200), index) end
    core{ users = users }
    script("../report.lua", { zone = "UTC", interval = "1m" })
    for _, user in ipairs(users) do traffic(user, { up = 1 }) end
    advance("1m")
    expect(files.read("usage-2026-01-01.csv")):contains("x5000@example.com,1,0\n")
end)

test("what is kept of days before is bounded", function()
    local report = start{ interval = "1h" }
    for _ = 1, 5 do
        traffic(alice, { up = 1 })
        advance("1d")
    end
    -- The inbound, the outbound and alice, of two days.
    expect(#report:keys("day/")):at_most(6)
    expect(report:stored("ended")):is{ "2026-01-04", "2026-01-05" }
    restart()
    advance("2d")
    expect(report:keys("sum/")):is{}
end)
