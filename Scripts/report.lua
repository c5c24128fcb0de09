-- SPDX-License-Identifier: Apache-2.0
--
-- Report: writes the usage of each day as CSV, with a line for each user, inbound and outbound that carried something:
--
--     kind,name,up,down
--     user,alice@example.com,1048576,73400320
--
-- The file `usage-2026-05-05.csv` lies in the folder that `automation.files` of the configuration names. It is replaced as a whole each
-- time, so that a reader never finds half of it. The sums hold across restarts and resets by others.
--
-- The core counts only what the configuration's `stats` and `policy` say.

local settings = settings {
    zone = { type = "zone", default = "local", doc = "the time zone of the days" },
    interval = { type = "duration", min = "1s", default = "5m", doc = "how often the file is written" },
    keep = { type = "integer", min = 1, default = 400, doc = "how many days of files to keep" },
    prefix = { type = "string", default = "usage-", doc = "what the files' names begin with" },
}

-- Of the day that the store knows: { date, session, sums = { [kind/name] = { up, down } }, seen = { [counter] = total } }.
local state = store.get("state") or { sums = {}, seen = {} }
if state.session ~= core.session then state.session, state.seen = core.session, {} end

local function quote(text)
    -- What a spreadsheet takes for a formula is made a text.
    if text:find("^[=+%-@\t]") then text = "'" .. text end
    return text:find('[",\r\n]') and '"' .. text:gsub('"', '""') .. '"' or text
end

local function write(date)
    local lines = {}
    for key, sum in pairs(state.sums) do
        local kind, name = key:match("^(%a+)/(.*)$")
        lines[#lines + 1] = ("%s,%s,%d,%d"):format(kind, quote(name), sum.up, sum.down)
    end
    table.sort(lines)
    files.write(("%s%s.csv"):format(settings.prefix, date), "kind,name,up,down\n" .. table.concat(lines, "\n")
        .. (#lines > 0 and "\n" or ""))
end

local function clear_up()
    local old = {}
    for _, file in ipairs(files.list(settings.prefix)) do
        if file.name:sub(#settings.prefix + 1):find("^%d%d%d%d%-%d%d%-%d%d%.csv$") then old[#old + 1] = file.name end
    end
    for index = 1, #old - settings.keep do files.remove(old[index]) end
end

local function account()
    for name, total in pairs(stats.query("", { total = true })) do
        local kind, tag, direction = name:match("^(%a+)>>>(.-)>>>traffic>>>(%a+)link$")
        local seen = state.seen[name] or 0
        if kind and total > seen then
            local key = kind .. "/" .. tag
            local sum = state.sums[key] or { up = 0, down = 0 }
            sum[direction] = sum[direction] + total - seen
            state.sums[key], state.seen[name] = sum, total
        end
    end
end

local is_busy = false
local function report()
    if is_busy then return end
    is_busy = true
    local done, problem = pcall(function()
        account()
        local today = time.format(time.now(), "%F", settings.zone)
        if state.date and state.date ~= today then
            write(state.date)
            state.sums = {}
        end
        state.date = today
        -- Large tables go to the store in one piece, so that sums and the counters' place stay together.
        store.set("state", state)
        write(today)
        clear_up()
    end)
    is_busy = false
    if not done then error(problem, 0) end
end

every(settings.interval, report, { name = "report", at_once = true })
-- The day's last bytes belong to it, whatever the interval.
cron("0 0 * * *", report, { name = "midnight", tz = settings.zone })
on_stop(report)
