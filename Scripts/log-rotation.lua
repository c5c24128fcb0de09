-- SPDX-License-Identifier: Apache-2.0
--
-- Log rotation: renames the core's log files and begins new ones, by size or by time. `access.log` becomes `access.log.1`, that
-- `access.log.2`, and so on; so many are kept. No line is lost. Only the files that the configuration's `log` names are touched.

local settings = settings {
    size = { type = "size", min = "1kB", doc = "rotate a file that is larger; without it size does not matter" },
    at = { type = "cron", also = "never", default = "0 0 * * *", doc = "when to rotate all files that are not empty" },
    zone = { type = "zone", default = "local", doc = "the time zone of `at`" },
    keep = { type = "integer", min = 1, max = 1000, default = 7, doc = "how many old files of each log to keep" },
    interval = { type = "duration", min = "1s", default = "1m", doc = "how often to look at the size" },
}

local function rotate(file, why)
    log.rotate{ keep = settings.keep, log = file.logs[1] }
    log.info(("%s rotated at %s: %s"):format(file.path, size_text(file.size), why))
end

if settings.size then
    every(settings.interval, function()
        for _, file in ipairs(log.files()) do
            if file.size >= settings.size then rotate(file, "larger than " .. size_text(settings.size)) end
        end
    end, { name = "by size" })
end

if settings.at ~= "never" then
    cron(settings.at, function()
        for _, file in ipairs(log.files()) do
            if file.size > 0 then rotate(file, "it is time") end
        end
    end, { name = "by time", tz = settings.zone, missed = "run" })
end
