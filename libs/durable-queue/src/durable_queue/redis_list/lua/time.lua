-- Returns Redis's time.
return now
