# Every verb is one line; without make: python3 bootstrap.py VERB [OPTIONS].
PYTHON ?= python3
VERBS := help gate gate-wall test lint bench soak provision images containers docs bare lock clean

.PHONY: $(VERBS)
$(VERBS):
	@$(PYTHON) bootstrap.py $@ $(if $(N),N=$(N)) $(ARGS)
