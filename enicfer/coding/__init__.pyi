from .adjudication import find_disagreements as find_disagreements
from .adjudication import store_decision as store_decision
from .agreement import measure_agreement as measure_agreement
from .compare import compare_coders as compare_coders
from .store import store_coding as store_coding
from .tracks import read_coded_study as read_coded_study
